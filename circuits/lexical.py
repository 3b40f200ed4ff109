"""The first gate of a query: its length, its depth and its tokens, before any parser recurses on it.

Only tokens on an allow-list pass, so that an unsupported clause is named at its own line and column, and so that the
parser's recursion is bounded by MAX_DEPTH alone. A query must not be accepted by one machine and refused by another
because their stacks differ. Specification: `docs/spec/04-queries.md`, section "Accepted SQL".
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Final

from sqlglot import Tokenizer
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from circuits.errors import QuerySyntax, QueryTooLarge, QueryUnsupported

MAX_LENGTH: Final = 16_384  # characters
MAX_TOKENS: Final = 4_096
MAX_DEPTH: Final = 16  # parentheses and NOT

_NAMES: Final = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
_ALLOWED: Final = _NAMES | {
    TokenType.SELECT,
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.BETWEEN,
    TokenType.IN,
    TokenType.IS,
    TokenType.NULL,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.ALIAS,
    TokenType.COMMA,
    TokenType.L_PAREN,
    TokenType.R_PAREN,
    TokenType.STAR,
    TokenType.EQ,
    TokenType.NEQ,
    TokenType.LT,
    TokenType.LTE,
    TokenType.GT,
    TokenType.GTE,
    TokenType.NUMBER,
    TokenType.STRING,
    TokenType.DATE,
    TokenType.DASH,
    TokenType.DOT,
    TokenType.SEMICOLON,
}
# After these a sign belongs to a number; anywhere else it is arithmetic.
_BEFORE_SIGN: Final = frozenset(
    {
        TokenType.EQ,
        TokenType.NEQ,
        TokenType.LT,
        TokenType.LTE,
        TokenType.GT,
        TokenType.GTE,
        TokenType.BETWEEN,
        TokenType.AND,
        TokenType.COMMA,
        TokenType.L_PAREN,
        TokenType.WHERE,
        TokenType.OR,
        TokenType.NOT,
    }
)
_JOINERS: Final = (TokenType.WHERE, TokenType.AND, TokenType.OR)
_CLOSERS: Final = (None, TokenType.AND, TokenType.OR, TokenType.R_PAREN, TokenType.GROUP_BY, TokenType.SEMICOLON)
_ONE_DATASET = "query one dataset; every hospital holds the same table"
_NO_ARITHMETIC = "aggregates and comparisons take a column name; compute on the result instead"
_NEAREST: Final = {
    "ORDER BY": "rows come in the order of the GROUP BY columns",
    "HAVING": "filter with WHERE, or filter the result on your side",
    "LIMIT": "the whole result is returned; filter groups with WHERE",
    "OFFSET": "the whole result is returned",
    "FETCH": "the whole result is returned",
    "JOIN": _ONE_DATASET,
    "INNER": _ONE_DATASET,
    "LEFT": _ONE_DATASET,
    "RIGHT": _ONE_DATASET,
    "FULL": _ONE_DATASET,
    "CROSS": _ONE_DATASET,
    "NATURAL": _ONE_DATASET,
    "USING": _ONE_DATASET,
    "ON": _ONE_DATASET,
    "UNION": "send two queries",
    "EXCEPT": "exclude rows with WHERE NOT",
    "INTERSECT": "combine conditions with AND",
    "WITH": "write one SELECT without subqueries",
    "EXISTS": "write one SELECT without subqueries",
    "DISTINCT": "GROUP BY the column to see its groups",
    "CASE": "filter with WHERE, or GROUP BY the column",
    "LIKE": "list the codes with IN (...)",
    "ILIKE": "list the codes with IN (...)",
    "SIMILAR TO": "list the codes with IN (...)",
    "OVER": "GROUP BY gives one row a group",
    "FILTER": "move the condition to WHERE",
    "CAST": "compare a column with a constant of its own type",
    "::": "compare a column with a constant of its own type",
    "+": _NO_ARITHMETIC,
    "-": _NO_ARITHMETIC,
    "/": _NO_ARITHMETIC,
    "%": _NO_ARITHMETIC,
    "||": _NO_ARITHMETIC,
    "INSERT": "only SELECT is accepted",
    "UPDATE": "only SELECT is accepted",
    "DELETE": "only SELECT is accepted",
    "DROP": "only SELECT is accepted",
    "CREATE": "only SELECT is accepted",
    "ISNULL": "write IS NULL",
    "NOTNULL": "write IS NOT NULL",
}
_SUPPORTED: Final = "supported: SELECT aggregates FROM dataset [WHERE conditions] [GROUP BY up to three columns]"


def screen(sql: str, column_names: Collection[str], functions: Collection[str]) -> None:
    """Check everything about `sql` that can be checked before parsing it.

    Args:
        sql: untrusted text.
        column_names: names that may be used as names even where SQL has a keyword of that spelling.
        functions: names of functions, in capitals.

    Raises:
        QueryTooLarge: longer than MAX_LENGTH or MAX_TOKENS, or nested deeper than MAX_DEPTH.
        QuerySyntax: the text is not a sequence of SQL tokens.
        QueryUnsupported: a token outside the allow-list, with its place and the nearest supported form.
    """
    if len(sql) > MAX_LENGTH:
        raise QueryTooLarge(f"the query has {len(sql)} characters, at most {MAX_LENGTH} are accepted")
    for index, character in enumerate(sql):
        if (character < " " and character not in "\t\r\n") or "\ud800" <= character <= "\udfff":
            raise QuerySyntax("the query contains a control character", where=place(sql, index))
    try:
        tokens = _tokenizer().tokenize(sql)
    except TokenError as error:
        raise QuerySyntax("the query has an unfinished string, name or comment") from error
    if len(tokens) > MAX_TOKENS:
        raise QueryTooLarge(f"the query has {len(tokens)} parts, at most {MAX_TOKENS} are accepted")
    if not tokens or tokens[0].token_type is not TokenType.SELECT:
        raise unsupported(sql, 0, "anything but one SELECT statement", "SELECT COUNT(*) FROM dataset")
    names = {name.lower() for name in column_names}
    depth = nots = 0
    for index, token in enumerate(tokens):
        kind = token.token_type
        nots = nots + 1 if kind is TokenType.NOT else 0 if kind is not TokenType.L_PAREN else nots
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth + nots > MAX_DEPTH:
            raise QueryTooLarge(f"the query is nested deeper than {MAX_DEPTH} levels", where=place(sql, token.start))
        _check_token(sql, tokens, index, names, functions)


def place(sql: str, offset: int) -> str:
    """`line L, column C` of a character, both from 1."""
    before = sql[:offset]
    return f"line {before.count(chr(10)) + 1}, column {offset - (before.rfind(chr(10)) + 1) + 1}"


def unsupported(sql: str, offset: int, what: str, hint: str | None = None) -> QueryUnsupported:
    """The error for SQL that is not run, with the nearest supported form."""
    return QueryUnsupported(f"{what} is not supported", hint=hint or _SUPPORTED, where=place(sql, offset))


def nearest(word: str, candidates: Collection[str]) -> str | None:
    """The candidate that looks most like `word`, or None."""
    spelling = {candidate.lower(): candidate for candidate in sorted(candidates)}
    close = difflib.get_close_matches(word.lower()[:64], list(spelling), n=1)
    return spelling[close[0]] if close else None


def _tokenizer() -> Tokenizer:
    return Postgres().tokenizer()


def _check_token(sql: str, tokens: Sequence[Token], index: int, names: Collection[str], functions: Collection[str]) -> None:
    token = tokens[index]
    kind = token.token_type
    before = tokens[index - 1].token_type if index else None
    after = tokens[index + 1].token_type if index + 1 < len(tokens) else None
    word = " ".join(sql[token.start : token.end + 1].upper().split())
    if kind not in _ALLOWED and not (token.text.lower() in names or before is TokenType.ALIAS):
        raise unsupported(sql, token.start, word[:40], _NEAREST.get(word) or _NEAREST.get(word.split(" ")[0]))
    if kind is TokenType.DASH and (after not in (TokenType.NUMBER, TokenType.DOT) or before not in _BEFORE_SIGN):
        raise unsupported(sql, token.start, "arithmetic", _NO_ARITHMETIC)
    if kind is TokenType.DOT and (after is not TokenType.NUMBER or before not in (*_BEFORE_SIGN, TokenType.DASH)):
        raise unsupported(sql, token.start, "a qualified name", "there is one dataset: write the column name alone")
    if kind in (TokenType.TRUE, TokenType.FALSE, TokenType.NULL) and before in _JOINERS and after in _CLOSERS:
        raise unsupported(sql, token.start, f"{word} as a condition", "leave it out")
    if kind is TokenType.SEMICOLON and index + 1 < len(tokens):
        raise unsupported(sql, tokens[index + 1].start, "a second statement", "send one query at a time")
    if after is TokenType.L_PAREN and kind in _NAMES and token.text.upper() not in functions:
        close = nearest(word, functions)
        hint = _NEAREST.get(word) or f"nearest: {close or ', '.join(functions)}"
        raise unsupported(sql, token.start, f"function {word[:40]}", hint)
