"""Ranks the numbers of a file from the shell."""

from altasks.cli.rankers import Ranker, RankOption

JITTER = RankOption("--jitter", float, "How far apart the members start.", 0.1, min=0)


class NumberLineRanker(Ranker):
    """One number a line in, low or high out."""

    options = (JITTER,)

    def read(self, request):
        from numberline.reader import Numbers

        return Numbers().read(request.pool).pool

    def build(self, request):
        from numberline.task import NumberLine

        task = NumberLine(request.value(JITTER))
        task.load(request.checkpoint)
        return task

    def fields(self, sample):
        return {"number": sample}

    def classes(self, description):
        return [description["predicted"]]

    def reason(self, description):
        return f"high {description['high']:.2f}"
