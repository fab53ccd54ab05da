"""Small real YOLOs with drawn weights, and real photographs, for the tests of detection."""

from __future__ import annotations

import copy

import numpy as np
import torch

from altasks._internal.random import isolated
from altasks.tasks.object_detection.task import yolo_description
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load


def description(name="yolov8n.yaml", width=0.125):
    """A family's own YAML, made narrower."""
    return yolo_description(name, width=width)


def lively(net, seed=0):
    """Draw class scores that differ from place to place, and by class; return the network."""
    with isolated(seed), torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.0)
        head = net.model[-1]
        branches = [head.cv3, getattr(head, "one2one_cv3", None) or []]
        for branch in branches:
            for level in branch:
                level[-1].weight.normal_(0, 1.5)
                level[-1].bias.normal_(-3, 1)
    return net


def yolo(family="yolov8n.yaml", classes=5, seed=0, names=None):
    """An `ultralytics.YOLO` of a family with drawn weights."""
    with isolated_ultralytics(), isolated(seed):
        tasks = load("ultralytics.nn.tasks")
        net = tasks.DetectionModel(description(family), nc=classes, verbose=False)
        net.names = dict(enumerate(names or [f"kind{i}" for i in range(classes)]))
        net.task, net.args, net.pt_path = "detect", {"imgsz": 320, "task": "detect"}, "drawn.pt"
        model = load().YOLO(family)
    model.model = lively(net, seed).eval()
    return model


def photographs(count, size=(320, 240), seed=0):
    """Real photographs: pieces of scikit-learn's two, as PIL images."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    sources = load_sample_images().images
    found = []
    for i in range(count):
        source = Image.fromarray(sources[i % 2])
        most = min(400, source.height * size[0] // size[1] - 1)
        width = int(rng.integers(most // 2, most))
        height = width * size[1] // size[0]
        left, top = rng.integers(0, source.width - width), rng.integers(0, source.height - height)
        piece = source.crop((left, top, left + width, top + height))
        found.append(piece.resize(size))
    return found


def own_prediction(model, images, **options):
    """What Ultralytics itself reports: a list of (boxes, conf, class)."""
    with isolated_ultralytics():
        results = copy.deepcopy(model).predict(images, verbose=False, save=False, **options)
    return [
        (one.boxes.xyxy.numpy(), one.boxes.conf.numpy(), one.boxes.cls.numpy().astype(int))
        for one in results
    ]
