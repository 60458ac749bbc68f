"""From T-SQL to SQLite: what a statement yields in SQL Server's types, and how SQLite is asked for it.

sqlglot reads a statement as T-SQL and writes it for SQLite; here the result's columns get the types in which SQL
Server has them, values that are compared with a column are converted to its type as SQL Server converts them, and what
SQL Server refuses is refused with its number. A construct that is not understood is refused too, never guessed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from cs2_pipeline_tests.sqlserver.wire import Column, SqlType

INT, BIGINT, SMALLINT, BIT = SqlType("int"), SqlType("bigint"), SqlType("smallint"), SqlType("bit")
REAL, FLOAT, DATETIME2 = SqlType("real"), SqlType("float"), SqlType("datetime2")
_RANK = (BIT, SMALLINT, INT, BIGINT, REAL, FLOAT)

Schema = tuple[tuple[str, tuple[Column, ...]], ...]
"""Columns of every table by ``schema.table`` in lower case."""


class SqlError(Exception):
    """An error as the server reports it: SQL Server's number, severity and words."""

    def __init__(self, number: int, text: str, severity: int = 16) -> None:
        super().__init__(text)
        self.number, self.text, self.severity = number, text, severity


@dataclass(frozen=True)
class Bound:
    """A value the statement is given: a parameter's, or a literal that is converted.

    Attributes:
        name: its name in SQLite's statement.
        parameter: the parameter's lower-case name, None for a literal.
        literal: the literal.
        kind: the type it is compared with, None where nothing tells.
    """

    name: str
    parameter: str | None
    literal: str | None
    kind: SqlType | None

    def value(self, parameters: Mapping[str, Any]) -> Any:
        """The value as SQLite keeps values of the type.

        Raises:
            SqlError: it cannot be converted.
        """
        return _converted(self.literal if self.parameter is None else parameters[self.parameter], self.kind)


@dataclass(frozen=True)
class Plan:
    """How a statement is answered.

    Attributes:
        columns: of the result.
        sql: the statement for SQLite.
        bound: its values.
        tables: the tables read, as ``schema.table`` in lower case.
        writes: the verb of a statement that writes, None for a query.
    """

    columns: tuple[Column, ...]
    sql: str
    bound: tuple[Bound, ...]
    tables: tuple[str, ...]
    writes: str | None = None


_PLANS: dict[tuple[str, Schema], Plan] = {}


def plan(sql: str, schema: Schema) -> Plan:
    """The plan of a statement; statements met before are not taken apart again.

    Raises:
        SqlError: SQL Server would refuse it, or it is not understood.
    """
    key = sql, schema
    if key not in _PLANS:
        _PLANS[key] = _planned(sql, dict(schema))
    return _PLANS[key]


def _planned(sql: str, schema: Mapping[str, tuple[Column, ...]]) -> Plan:
    tree = _parsed(sql)
    if isinstance(tree, (exp.Delete, exp.Update, exp.Insert, exp.Drop, exp.Create, exp.Alter)):
        target = tree.find(exp.Table)
        return Plan((), "", (), (f"dbo.{target.name.lower()}",) if target is not None else (), tree.key.upper())
    if not isinstance(tree, exp.Select):
        raise SqlError(50_000, f"the stand-in does not know {sql[:200]}")
    _refuse_what_is_not_t_sql(tree)
    scope = _Scope(tree, schema)
    columns = tuple(Column(found.alias_or_name, *scope.type_of(found.unalias())) for found in tree.expressions)
    bound = tuple(_bind(tree, scope))
    return Plan(columns, tree.transform(_plainer).sql("sqlite"), bound, tuple(scope.read))


class _Scope:
    """The tables a statement names, and the types of what it says about them."""

    def __init__(self, tree: exp.Select, schema: Mapping[str, tuple[Column, ...]]) -> None:
        self.read: list[str] = []
        self._sources: dict[str, dict[str, Column]] = {}
        for table in tree.find_all(exp.Table):
            name = f"{table.db or 'dbo'}.{table.name}".lower()
            if name not in schema:
                raise SqlError(208, f"Invalid object name '{table.name}'.")
            table.set("db", exp.to_identifier(table.db or "dbo"))
            self.read.append(name)
            self._sources[(table.alias or table.name).lower()] = {one.name.lower(): one for one in schema[name]}

    def type_of(self, found: exp.Expression) -> tuple[SqlType, bool]:  # noqa: PLR0911  # one for each construct
        """Type of an expression, and whether it can be NULL."""
        if isinstance(found, exp.Column):
            return self.column(found)
        if isinstance(found, (exp.Max, exp.Min, exp.Paren)):
            return self.type_of(found.this)[0], True
        if isinstance(found, (exp.Count, exp.Null)):
            return INT, isinstance(found, exp.Null)
        if isinstance(found, (exp.Add, exp.Sub, exp.Mul)):
            kinds = [self.type_of(side)[0] for side in (found.left, found.right)]
            return max(kinds, key=_RANK.index), True
        if isinstance(found, (exp.Cast, exp.Convert)):
            return _cast_type(found), True
        if isinstance(found, (exp.Literal, exp.National)):
            text = isinstance(found, exp.National) or found.is_string
            return (SqlType("nvarchar", max(1, len(found.name))) if text else INT), False
        if isinstance(found, exp.Case):
            branches = [branch.args["true"] for branch in found.args["ifs"]]
            kinds = [self.type_of(branch)[0] for branch in branches if not isinstance(branch, exp.Null)]
            longest = SqlType("nvarchar", max(kind.size or 1 for kind in kinds))
            return (longest if kinds[0].name == "nvarchar" else kinds[0]), True
        raise SqlError(50_000, f"the stand-in knows no type of {found.sql('tsql')[:200]}")

    def column(self, found: exp.Column) -> tuple[SqlType, bool]:
        """Type of a column, and whether it can be NULL."""
        name, table = found.name.lower(), found.table.lower()
        if table and table not in self._sources:
            raise SqlError(4104, f'The multi-part identifier "{found.table}.{found.name}" could not be bound.')
        for source in [self._sources[table]] if table else self._sources.values():
            if name in source:
                return source[name].type, source[name].nullable
        raise SqlError(207, f"Invalid column name '{found.name}'.")


_CONSTANTS = {
    r"@@VERSION": "'A stand-in for tests, whose first word is not that of SQL Server'",
    r"@@SPID": "51",
    r"\bschema_name\(\)": "N'dbo'",
    r"\bSERVERPROPERTY\('ProductVersion'\)": "N'16.0.1000.6'",
}


def _parsed(sql: str) -> exp.Expression:
    if re.search(r"\bLIMIT\b", sql):
        raise SqlError(102, "Incorrect syntax near 'LIMIT'.", 15)
    for pattern, constant in _CONSTANTS.items():
        sql = re.sub(pattern, constant, sql, flags=re.IGNORECASE)
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="tsql") if tree is not None]
    except (ParseError, TokenError) as error:
        raise SqlError(102, f"Incorrect syntax near '{str(error).splitlines()[0]}'.", 15) from None
    if len(trees) != 1:
        raise SqlError(50_000, f"the stand-in takes one statement at a time, not {len(trees)}")
    return trees[0]


def _refuse_what_is_not_t_sql(tree: exp.Select) -> None:
    """Refuse what sqlglot reads and SQL Server does not: LIMIT, truth values as values, conditions that are columns."""
    for found in tree.expressions:
        if isinstance(found.unalias(), (exp.Predicate, exp.Not, exp.And, exp.Or, exp.Boolean)):
            raise SqlError(102, "Incorrect syntax near a condition in the select list.", 15)
    if tree.find(exp.DPipe, exp.Boolean, exp.ILike):
        raise SqlError(102, "Incorrect syntax near ||, ILIKE or a truth value.", 15)
    for place in tree.find_all(exp.Where, exp.Join):
        condition = place.this if isinstance(place, exp.Where) else place.args.get("on")
        for part in condition.find_all(exp.Column) if condition is not None else []:
            if isinstance(part.parent, (exp.And, exp.Or, exp.Not, exp.Where, exp.Join, exp.Paren)):
                text = "An expression of non-boolean type specified in a context where a condition is expected"
                raise SqlError(4145, f"{text}, near '{part.name}'.", 15)
    if tree.args.get("offset") and not tree.args.get("order"):
        raise SqlError(102, "Incorrect syntax near 'OFFSET'.", 15)


def _bind(tree: exp.Select, scope: _Scope) -> Iterator[Bound]:
    """Name the statement's values anew, each with the type it is compared with."""
    for number, found in enumerate(list(tree.find_all(exp.Parameter, exp.Literal, exp.National))):
        other = _compared_with(found)
        kind = scope.column(other)[0] if other is not None else None
        name = f"v{number}"
        if isinstance(found, exp.Parameter):
            yield Bound(name, found.name.lower(), None, kind)
        elif kind is not None and (isinstance(found, exp.National) or found.is_string):
            yield Bound(name, None, found.name, kind)
        else:
            continue
        found.replace(exp.Placeholder(this=name))


def _compared_with(value: exp.Expression) -> exp.Column | None:
    comparison = value.find_ancestor(exp.Binary, exp.In, exp.Select)
    if not isinstance(comparison, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In)):
        return None
    sides = [comparison.this, comparison.args.get("expression")]
    return next((side for side in sides if isinstance(side, exp.Column)), None)


def _plainer(node: exp.Expression) -> exp.Expression:
    """What SQLite has no word for: text casts with a length, national literals."""
    if isinstance(node, exp.National):
        return exp.Literal.string(node.this)
    if isinstance(node, exp.Cast) and _cast_type(node).name == "nvarchar":
        return exp.cast(node.this, "text")
    return node


def _cast_type(found: exp.Cast | exp.Convert) -> SqlType:
    kind: exp.DataType = found.args["to"]
    name = kind.this.name.lower()
    if name in ("nvarchar", "varchar", "text", "char", "nchar"):
        size = kind.expressions[0].name if kind.expressions else "30"
        return SqlType("nvarchar", int(size) if size.isdigit() else None)
    known = {"int": INT, "bigint": BIGINT, "float": FLOAT, "double": FLOAT, "bit": BIT, "datetime2": DATETIME2}
    if name == "decimal":
        return SqlType("decimal", int(kind.expressions[0].name) if kind.expressions else 18)
    if name not in known:
        raise SqlError(50_000, f"the stand-in knows no cast to {name}")
    return known[name]


def _converted(value: Any, kind: SqlType | None) -> Any:
    """A bound value or literal as SQLite keeps values of the type it is compared with.

    SQL Server converts to the type of higher rank, which is the column's for text against numbers and times.
    """
    if value is None or kind is None:
        return str(value) if isinstance(value, Decimal) else value
    if kind.name == "datetime2":
        return _as_time(value)
    if kind.name == "nvarchar":
        return value if isinstance(value, str) else str(value)
    if isinstance(value, datetime):
        raise SqlError(206, f"Operand type clash: datetime2 is incompatible with {kind.name}")
    try:
        number = Decimal(value) if isinstance(value, str) else value
    except InvalidOperation:
        raise SqlError(
            245, f"Conversion failed when converting the nvarchar value '{value}' to data type {kind.name}."
        ) from None
    return int(number) if number == int(number) else float(number)


def _as_time(value: Any) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise SqlError(241, "Conversion failed when converting date and/or time from character string.") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, datetime.min.time())
    if not isinstance(value, datetime):
        raise SqlError(206, f"Operand type clash: {type(value).__name__} is incompatible with datetime2")
    return value.strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
