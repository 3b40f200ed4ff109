"""Results as HTML, for notebooks. Names and categories are the hospitals' words, and a notebook runs scripts: everything is
escaped."""

from html import escape

from circuits.result import ResultTable
from proofward.summary import cells_of, notes, tables_of


def markup(result: ResultTable, verdict: str) -> str:
    """The tables of a result, its notes, and one line about how far it is proven."""
    parts = [_table(name, table, result) for name, table in tables_of(result)]
    parts += [f"<p>{escape(note)}</p>" for note in notes(result)]
    return "".join([*parts, f"<p><small>{escape(verdict)}</small></p>"])


def _table(name: str, table: ResultTable, result: ResultTable) -> str:
    header, rows = cells_of(table, result)
    caption = f"<caption>{escape(name)}</caption>" if name else ""
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
