"""Labelling interfaces: the XML of a Label Studio project, written and read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from altasks.errors import InvalidInputError, invalid

#: What XML 1.0 can't hold, written as it may: control characters and halves of surrogate pairs.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIELD = re.compile(r"^\$([A-Za-z_][\w.-]*)$")


@dataclass(frozen=True)
class Control:
    """A tag that people label with, and the tag of the sample that it is for.

    Args:
        tag: such as `"Choices"`.
        name: what results call it, `from_name`.
        to_name: the name of the sample's tag.
        sample_tag: that tag: `"Text"` or `"Image"`.
        field: the field of a task's `data` that the sample's tag shows.
        values: what can be chosen, as it stands in results.
    """

    tag: str
    name: str
    to_name: str
    sample_tag: str
    field: str
    values: tuple[str, ...] = ()
    choice: str = ""

    @property
    def kind(self) -> str:
        """The `type` of its results, and the key of what was chosen in their values."""
        return self.tag.lower()


def texts_of(names: Iterable[Any], argument: str = "labels") -> dict[str, Any]:
    """Return the text of each class in an interface -> its name.

    Raises:
        InvalidInputError: for names that no interface can hold or tell apart.

    Example:
        >>> texts_of(["cat", 7])
        {'cat': 'cat', '7': 7}
    """
    found: dict[str, Any] = {}
    for name in names:
        text = str(name)
        if not text.strip() or _NO_XML.search(text):
            raise invalid(argument, "names that XML can hold and people can see", repr(name))
        if text in found:
            raise invalid(argument, "names that differ as texts", f"{found[text]!r} and {name!r}")
        found[text] = name
    if not found:
        raise invalid(argument, "the names of the classes", "none")
    return found


def written(control: Control, attributes: str = "") -> str:
    """Return a control as XML, with a child for each value."""
    child = {"Choices": "Choice"}.get(control.tag, "Label")
    head = f'{control.tag} name="{control.name}" toName="{control.to_name}"'
    head += f" {attributes}" if attributes else ""
    if not control.values:
        return f"  <{head}/>\n"
    inside = "".join(f"    <{child} value={quoteattr(value)}/>\n" for value in control.values)
    return f"  <{head}>\n{inside}  </{control.tag}>\n"


def view_of(control: Control, *parts: str, attributes: str = "") -> str:
    """Return a whole interface: the sample's tag, then the parts."""
    more = f" {attributes}" if attributes else ""
    sample = f'  <{control.sample_tag} name="{control.to_name}" value="${control.field}"{more}/>\n'
    return "<View>\n" + sample + "".join(parts) + "</View>\n"


def parse_config(config: Any) -> ElementTree.Element:
    """Return the tree of an interface.

    Raises:
        InvalidInputError: for what isn't XML, or has a document type: entities declared there can
            expand without end.
    """
    if not isinstance(config, str):
        raise invalid("config", "the XML of a labelling interface", type(config).__name__)
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise invalid("config", "XML without a document type", "a DOCTYPE")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    try:
        parser.Parse(config, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise invalid("config", "the XML of a labelling interface", str(error)) from error


def controls_of(config: str) -> list[Control]:
    """Return the controls of an interface whose sample is one field of the data.

    Example:
        >>> text = '<View><Text name="t" value="$text"/><Choices name="c" toName="t">'
        >>> controls_of(text + '<Choice value="yes" alias="1"/></Choices></View>')[0].values
        ('1',)
    """
    root = parse_config(config)
    samples = {
        element.get("name"): (element.tag, match[1])
        for element in root.iter()
        if (match := _FIELD.match(element.get("value", "")))
    }
    found = []
    for element in root.iter():
        name, to_name = element.get("name"), element.get("toName")
        if name is None or to_name is None or to_name not in samples:
            continue
        values = [
            child.get("alias") or child.get("value") or ""
            for child in element
            if child.tag in ("Choice", "Label")
        ]
        tag, field = samples[to_name]
        found.append(
            Control(
                element.tag, name, to_name, tag, field, tuple(values), element.get("choice", "")
            )
        )
    return found


def find_control(
    config: str, tags: Sequence[str], sample_tag: str, *, name: str | None = None
) -> Control:
    """Return the one control of an interface that has a tag and is for a kind of sample.

    Args:
        config: the XML.
        tags: those that will do.
        sample_tag: `"Text"` or `"Image"`.
        name: which control, where there are several.

    Raises:
        InvalidInputError: if there is none, or more than one and no name.
    """
    found = [
        control
        for control in controls_of(config)
        if control.tag in tags and control.sample_tag == sample_tag and name in (None, control.name)
    ]
    wanted = " or ".join(f"<{tag}>" for tag in tags)
    called = "" if name is None else f" called {name!r}"
    if not found:
        there = ", ".join(f"<{one.tag} {one.name!r}>" for one in controls_of(config)) or "none"
        raise invalid(
            "config", f"{wanted}{called} for <{sample_tag} value='$...'>", there,
            hint="The project's labelling interface is for another task.",
        )  # fmt: skip
    if len(found) > 1:
        names = ", ".join(repr(one.name) for one in found)
        raise invalid("config", f"one {wanted}", f"{len(found)}: {names}", hint="Name it: control=")
    return found[0]


def check_values(control: Control, wanted: Iterable[str], *, may_lack: Iterable[str] = ()) -> None:
    """Refuse a control that doesn't offer just the classes of a task.

    Args:
        control: of a project.
        wanted: the classes.
        may_lack: those that the control may do without.

    Raises:
        InvalidInputError: naming what is missing and what is too many.
    """
    classes, offered = list(wanted), set(control.values)
    missing = [text for text in classes if text not in offered and text not in set(may_lack)]
    extra = [text for text in control.values if text not in set(classes)]
    if missing or extra:
        faults = [f"without {_listed(missing)}"] if missing else []
        faults += [f"with {_listed(extra)}"] if extra else []
        raise invalid(
            "config", f"<{control.tag} {control.name!r}> with the task's classes",
            " and ".join(faults), hint="Change the project's interface, or the task's labels.",
        )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
