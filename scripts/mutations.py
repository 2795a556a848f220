"""Finds the mutants of a file: the places where its functions can be changed, one at a time.

It only understands C++ that clang-format has formatted, and only the part of C++ that src/engine uses: comparison operators have blanks
around them, the brackets of templates have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOKEN = re.compile(r"""
    (?P<blank> \s+ | //[^\n]* | /\*.*?\*/ | ^\#[^\n]*)
  | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])' )
  | (?P<number> (?<![\w.]) \d[\w']* (?:\.\d+)? )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<sign> <=> | <<= | >>= | \.\.\. | -> | :: | \+\+ | -- | [-+*/%<>=!&|]= | && | \|\| | \[\[ | \]\] | . )
""", re.X | re.S | re.M)
OPERATORS = {"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",), "&&": ("||",), "||": ("&&",),
             "+": ("-",), "-": ("+",), "++": ("--",), "--": ("++",), "+=": ("-=",), "-=": ("+=",), "!": ("",)}
UNARY = ("!", "++", "--", "+=", "-=")  # these stand for themselves; the others, with a blank on each side
OPENING = {"(": ")", "[": "]", "{": "}", "[[": "]]"}
NO_EFFECT = ("using", "static", "constexpr", "const", "auto", "break", "continue", "struct", "enum")


@dataclass
class Token:
    text: str
    kind: str
    at: int

    @property
    def end(self) -> int:
        return self.at + len(self.text)


@dataclass
class Mutant:
    file: Path
    source: str
    begin: int
    end: int
    new: str
    function: str = ""
    number: int = 0

    @property
    def line(self) -> int:
        return self.source.count("\n", 0, self.begin) + 1

    @property
    def last_line(self) -> int:
        return self.source.count("\n", 0, self.end) + 1

    def text(self) -> str:
        return self.source[:self.begin] + self.new + self.source[self.end:]

    def _lines(self, new: str) -> str:
        """The lines that are changed, as one, with `new` in its place. Without comments."""
        first = self.source.rfind("\n", 0, self.begin) + 1
        last = self.source.find("\n", self.end)
        changed = self.source[first:self.begin] + new + self.source[self.end:last]
        return " ".join(re.sub(r"\s//.*", "", changed).split())

    def key(self) -> tuple[str, str, str]:
        """What it is called by, wherever these lines are."""
        return f"{self.file.name} {self.function}".strip(), self._lines(self.source[self.begin:self.end]), self._lines(self.new)

    def __str__(self) -> str:
        _, old, new = self.key()
        return f"{self.file.name}:{self.line}: {old}  ->  {new}"


def tokens_of(source: str) -> list[Token]:
    out = []
    for found in TOKEN.finditer(source):
        kind = found.lastgroup or ""
        if kind != "blank":
            out.append(Token(found.group(), kind, found.start()))
    return out


class Reader:
    """Finds the functions of a file, and the statements in them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.source = file.read_text()
        self.all = tokens_of(self.source)
        self.changes: list[tuple[int, int, str, str]] = []
        self.name = ""  # of the function that it is in

    def text(self, n: int) -> str:
        return self.all[n].text if n < len(self.all) else ""

    def change(self, begin: int, end: int, new: str) -> None:
        self.changes.append((begin, end, new, self.name))

    def closing(self, n: int) -> int:
        """Of the bracket at n."""
        depth = 0
        while True:
            depth += (self.text(n) in OPENING) - (self.text(n) in OPENING.values())
            if depth == 0:
                return n
            n += 1

    def read(self) -> None:
        """What is outside of functions."""
        n = first = 0
        while n < len(self.all):
            word = self.text(n)
            head = [each.text for each in self.all[first:n]]
            if word in ("(", "["):
                n = self.closing(n)
            elif word == "{" and "namespace" not in head and "class" not in head and "struct" not in head:
                inside = self.closing(n)
                if "(" in head and "=" not in head[:head.index("(")] and "enum" not in head:
                    self.name = head[head.index("(") - 1]
                    self.function(n, "void" in head[:head.index("(")])
                    self.name = ""
                    first = inside + 1
                n = inside
            elif word == ";" and head[:1] == ["constexpr"] and self.file.suffix == ".cpp":
                self.numbers(first, n)
            elif word == "{" and "class" in head and "enum" in head:
                n = self.closing(n)
            if self.text(n) in (";", "{", "}") and (self.text(n) != "}" or word == "}"):
                first = n + 1
            n += 1

    def function(self, n: int, is_void: bool) -> None:
        end = self.closing(n)
        self.operators(n, end)
        self.numbers(n, end)
        self.block(n, is_void)

    def operators(self, first: int, end: int) -> None:
        for n in range(first, end):
            each = self.all[n]
            blank = self.source[each.at - 1].isspace() and self.source[each.end].isspace()
            if each.text in OPERATORS and (each.text in UNARY or blank):
                for new in OPERATORS[each.text]:
                    self.change(each.at, each.end, new)
            if each.text in ("true", "false"):
                self.change(each.at, each.end, "false" if each.text == "true" else "true")

    def numbers(self, first: int, end: int) -> None:
        for each in self.all[first:end]:
            if each.kind != "number" or "." in each.text:
                continue
            digits, suffix = re.fullmatch(r"([\d']+)(\w*)", each.text).groups()
            value = int(digits.replace("'", ""))
            self.change(each.at, each.end, f"{value + 1}{suffix}")
            if value != 0:
                self.change(each.at, each.end, f"0{suffix}")

    def block(self, n: int, is_void: bool) -> int:
        """The one that begins at n; where it ends."""
        end = self.closing(n)
        n += 1
        while n < end:
            n = self.statement(n, is_void)[0]
        return end

    def statement(self, n: int, is_void: bool) -> tuple[int, bool]:
        """The one that begins at n: where the next one does, and whether it can be left out."""
        word = self.text(n)
        if word == "{":
            return self.block(n, is_void) + 1, False
        if word in ("if", "while", "for", "switch"):
            end = self.closing(n + 1)
            self.lambdas(n + 2, end)
            after, effect = self.statement(end + 1, is_void)
            has_else = self.text(after) == "else"
            if word in ("if", "while"):
                self.condition(word, n + 2, end, never=has_else or not effect)
            return (self.statement(after + 1, is_void)[0] if has_else else after), False
        if word in ("case", "default"):
            while self.text(n) != ":":
                n += 1
            return n + 1, False
        end = n
        while self.text(end) != ";":
            if self.text(end) in OPENING:
                end = self.closing(end)
            end += 1
        self.lambdas(n, end)
        begin, over = self.all[n].at, self.all[end].at
        if word == "return":
            if is_void and end > n + 1:
                self.change(self.all[n].end, over, "")
            return end + 1, False
        effect = word not in NO_EFFECT and not self.declares(n, end)
        if effect:
            self.change(begin, over, "")
        return end + 1, effect

    def declares(self, n: int, end: int) -> bool:
        """Whether there are two words side by side before anything is done: a type and a name."""
        while n < end:
            here, after = self.all[n], self.all[n + 1]
            if here.text in ("(", "[", "{", "=", ".", "->", "++", "--"):
                return False
            if after.kind == "word" and (here.kind == "word" or here.text in (">", "&", "*")) and n + 2 <= end:
                return True
            n += 1
        return False

    def lambdas(self, n: int, end: int) -> None:
        """The statements of those that are defined in there."""
        while n < end:
            if self.text(n) == "{" and self.text(n - 1) in (")", "]", "mutable", "noexcept"):
                n = self.block(n, False)
            n += 1

    def condition(self, word: str, first: int, end: int, never: bool) -> None:
        """Made to hold always, or never; what it does it does still."""
        for n in range(first, end):
            if self.text(n) == ";":
                first = n + 1
        if self.text(first) in ("const", "auto") or self.declares(first, end):
            return  # it names what it finds
        begin, over = self.all[first].at, self.all[end].at
        was = self.source[begin:over]
        if never:
            self.change(begin, over, f"({was}) && false")
        # What is not there cannot be used: what that does is chance, and for sanitizers to see.
        if word == "if" and not re.fullmatch(r"\w+ != [\w.>-]+\.end\(\)", was):
            self.change(begin, over, f"({was}) || true")


def mutants_of(file: Path) -> Iterator[Mutant]:
    reader = Reader(file)
    reader.read()
    for begin, end, new, name in sorted(set(reader.changes)):
        yield Mutant(file, reader.source, begin, end, new, name)
