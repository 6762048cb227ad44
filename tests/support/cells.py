"""Cells that have nothing to do with this project, in the spirit of IPython's own test cases."""

_MAGICS = ["%time", "%%time", "%matplotlib inline", "%cd /tmp", "%who", "%xmode", "%pwd -q", "%a b"]
_SHELL = ["!ls", "!!ls -l", "!ls > $x", "files = !ls *.py", "a, b = !ls", "!echo 'a", '!echo "b (c']
_HELP = ["x?", "x??", "?x", "??x", "x.y?", "%time?", "%%time??", "*int*?", "x[0].y?", "a = b?"]
_CALL = ["/f 1 2", ",f a b", ";f a b", "f = 5", "/ f", "print?", "f(x)?", "f (x)", "lambda: 0"]
_ASSIGN = [
    "x = %time 1",
    "x, y = %a",
    "x = y = %a",
    "x = !ls",
    "x: int = %a",
    "d[0] = %a b",
    "x += 1",
]
_PYTHON = [
    "x = 1",
    "x",
    "",
    " ",
    "\n",
    "\n\nx = 1",
    "x = (1,\n     2)",
    "x = [\n  %time\n]",
    "if x:\n    y = 1\nelse:\n    y = 2",
    "for i in range(3):\n    !echo $i",
    "for i in range(3):\n    %time i\n\nprint(i)",
    "def f():\n    x = %time 1\n    return x",
    "def f():\n    '''%time\n    !ls\n    x?'''",
    "class A:\n    def f(self):\n        pass",
    "with x as y:\n    pass",
    "try:\n    1/0\nexcept:\n    pass",
    "async def f():\n    await x",
    "await x",
    "@a\ndef f(): pass",
    "x = '''a\nb'''",
    "x = 'a\\\nb'",
    "x = 1 + \\\n    2",
    "%time 1 + \\\n    2",
    "!ls \\\n  -l",
    "x = !ls \\\n  -l",
    "a = 5; b = 6;",
    "# a comment",
    "# a comment?",
    "x  # a comment?",
    "'a' ?",
    "f'{x!r}'",
    "f'{x:%d}'",
    "'%s' % x",
    "x % y",
    "x %y",
    "x = a if b else c",
    "print('é', “)",
    "x = 'unclosed",
    "x = (unclosed",
    "x)",
    "x = 1\u2028y = 2",
    "x = 'a\u2028b'",
    "x = 1\x0cy = 2",
    "x = 1\ry = 2",
    "x = 1\r\ny = 2\r\n",
    "\tx = 1",
    "lambda x: x ** 2",
    "match x:\n    case 1: pass",
    "x := 5",
    "0x 1_ 08",
    "$x",
    "a ! b",
    "`x`",
]
_BODIES = [
    "%%bash\nls\n",
    "%%html\n<b>x</b>\n",
    "%%writefile a.py\n>>> x\n!ls\n",
    "%%time\n\n\nx = 1?\n",
]
_ROOTS = [*_MAGICS, *_SHELL, *_HELP, *_CALL, *_ASSIGN, *_PYTHON, *_BODIES]


def _indented(cell: str) -> str:
    return "".join(f"    {line}" for line in cell.splitlines(keepends=True))


def _prompted(cell: str) -> str:
    first, *others = cell.split("\n")
    return "\n".join([f">>> {first}", *(f"... {line}" for line in others)])


def _numbered(cell: str) -> str:
    first, *others = cell.split("\n")
    return "\n".join([f"In [1]: {first}", *(f"   ...: {line}" for line in others)])


FOREIGN = list(
    dict.fromkeys(
        cell
        for root in _ROOTS
        for cell in (root, _indented(root), _prompted(root), _numbered(root), f"z = 0\n{root}\nq?")
    )
)
