"""Print the nodes of Python files with their byte ranges, as this interpreter's ast has them.

Reads paths from standard input, one a line. Prints "V major minor" once, and for each file "F path",
then either "E reason", where the interpreter rejects the file, or a line "kind start end" a node;
then an empty line.
"""

import ast
import io
import re
import sys
import tokenize
import warnings

warnings.simplefilter("ignore")
sys.setrecursionlimit(10000)

FSTRING_POSITIONS = sys.version_info >= (3, 12)  # wrong in older versions
STRINGS = {"JoinedStr", "TemplateStr"}
LINE_END = re.compile(rb"\r\n|\r|\n")


class Offsets:
    """Turns ast's line and column, a column in UTF-8 bytes of the decoded line, into bytes of the file."""

    def __init__(self, source):
        self.source = source
        self.starts = [0] + [m.end() for m in LINE_END.finditer(source)]
        self.bom = 3 if source.startswith(b"\xef\xbb\xbf") else 0
        encoding = tokenize.detect_encoding(io.BytesIO(source).readline)[0]
        self.encoding = (
            None if encoding in ("utf-8", "utf-8-sig", "ascii") else encoding
        )

    def __call__(self, line, column):
        start = self.starts[line - 1]
        if self.encoding:
            end = self.starts[line] if line < len(self.starts) else len(self.source)
            text = self.source[start:end].decode(self.encoding)
            column = len(
                text.encode("utf-8")[:column].decode("utf-8").encode(self.encoding)
            )
        return start + column + (self.bom if line == 1 else 0)


def fields(string, stack):
    """Put the expressions in the fields of an f-string on the stack."""
    for value in string.values:
        if type(value).__name__ in ("FormattedValue", "Interpolation"):
            stack.append(value.value)
            if value.format_spec is not None:
                fields(value.format_spec, stack)


def nodes(tree, offset):
    stack = [tree]
    while stack:
        node = stack.pop()
        kind = type(node).__name__
        position = hasattr(node, "end_lineno") and node.end_lineno is not None
        if kind == "Starred" and sys.version_info < (3, 9):
            position = False  # forgets a parenthesis behind the star
        if kind == "match_case":
            p = node.pattern
            yield (
                "pattern",
                offset(p.lineno, p.col_offset),
                offset(p.end_lineno, p.end_col_offset),
            )
        if position and not (kind.startswith("Match") and kind != "Match"):
            name = "Constant" if kind in STRINGS else kind
            yield (
                name,
                offset(node.lineno, node.col_offset),
                offset(node.end_lineno, node.end_col_offset),
            )
        if kind in STRINGS:
            if FSTRING_POSITIONS:
                fields(node, stack)
        else:
            stack.extend(ast.iter_child_nodes(node))


def main():
    out = sys.stdout
    out.write("V %d %d\n" % sys.version_info[:2])
    for line in io.TextIOWrapper(sys.stdin.buffer, "utf-8", "surrogateescape"):
        path = line.rstrip("\n")
        out.write("F %s\n" % path)
        try:
            with open(path, "rb") as file:
                source = file.read()
            tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            offset = Offsets(source)
            out.write("".join(["%s %d %d\n" % node for node in nodes(tree, offset)]))
        except (
            SyntaxError,
            ValueError,
            RecursionError,
            MemoryError,
            LookupError,
        ) as error:
            out.write("E %s\n" % str(error).replace("\n", " "))
        out.write("\n")
        out.flush()


if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
main()
