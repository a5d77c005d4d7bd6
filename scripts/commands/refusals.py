"""Prints the catalogue of refusals: every code, its rule, and what the sender should do; and of repairs."""

import argparse
import sys
from collections.abc import Sequence

from schemas.refusals import CATALOGUE, PYTHON_ERROR, Refusal, Subject
from schemas.repairs import REPAIRS

_HEAD = """\
# Refusals

What is refused and why: {count} codes. Written by `./scripts/refusals > docs/REFUSALS.md` from the catalogue in
`schemas/refusals`; change it there.

A refused input becomes a dead letter on `audio.dead-letter`, as it came, with the reason in headers behind its own:
`__connect.errors.stage` and `__connect.errors.exception.class.name` are the stage and the code below,
`__connect.errors.exception.message` is the field, a colon, a blank, and the rule with the value that broke it. Only the
first broken rule is told. `./scripts/dead_letters` lists them; `audio_dead_letters_total` counts them by stage and
code.
"""
_REPAIRS_HEAD = """\
## Repairs

What may be wrong with a file that has a result all the same, because players play it, too. The result's header
`ce_repaired` lists the kinds, separated by a comma and a blank; `audio_repaired_total` counts them. Kinds may be added,
in `schemas/repairs.py`.

| Kind | Meaning |
|---|---|"""
_TABLE = ("| Code | Stage | Field | Rule | What to do |", "|---|---|---|---|---|")
_SECTIONS: dict[Subject, str] = {
    "input": (
        "Inputs\n\nRecords of `audio.raw` and `audio.recordings`. Each costs itself alone: its call and its partition"
        " go on. Of an event in structured mode, the field of what is wrong with the audio is `data_base64`, of what is"
        " wrong with its label `datacontenttype`, and of what is wrong with a reference `dataref`."
    ),
    "policy": (
        "Policies\n\nRecords of `audio.policy`. The log line `policy_refused` tells of a refused one; the one in force"
        " stays."
    ),
    "result": (
        "Results\n\nRecords of `audio.compressed` that are none, as the client in `streams/clients` reports them. It"
        " uses the codes for headers, key and value above as well."
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser().parse_args(argv)
    print(document(), end="")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(
        prog="scripts/refusals",
        description=__doc__,
        epilog="After a change of the catalogue: ./scripts/refusals > docs/REFUSALS.md",
    )


def document() -> str:
    """The catalogue as Markdown."""
    lines = [_HEAD.format(count=len(CATALOGUE))]
    for subject, introduction in _SECTIONS.items():
        rows = [_row(one) for one in (*CATALOGUE, PYTHON_ERROR) if one.subject == subject]
        lines += [
            f"## {introduction}",
            "",
            *_TABLE,
            *rows,
        ]
        lines += [""]
    lines += [_REPAIRS_HEAD, *(f"| `{kind}` | {meaning} |" for kind, meaning in REPAIRS.items())]
    return "\n".join(lines) + "\n"


def _row(one: Refusal) -> str:
    code = one.code if one is PYTHON_ERROR else f"`{one.code}`"
    return f"| {code} | {one.stage} | {one.field} | {one.rule} | {one.remedy} |"


if __name__ == "__main__":
    sys.exit(main())
