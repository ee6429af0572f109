"""The C project that the clients upload: a subdirectory, a Makefile, names with a space and beyond ASCII, all bytes."""

from pathlib import Path
from typing import Final

READ_ME: Final = "Plain words.\n"
GREETING: Final = "42:"  # what the program prints first; its arguments follow, separated by bars

FILES: Final[dict[str, bytes]] = {
    "Makefile": b"main: main.c src/answer.c include/answer.h\n\t$(CC) -Iinclude -o main main.c src/answer.c\n",
    "main.c": b"""#include <stdio.h>
#include "answer.h"
int main(int argc, char **argv)
{
    printf("%d:", answer());
    for (int i = 1; i < argc; i++) printf("%s|", argv[i]);
    printf("\\n");
    return 0;
}
""",
    "src/answer.c": b'#include "answer.h"\nint answer(void) { return 42; }\n',
    "include/answer.h": b"int answer(void);\n",
    "read me.txt": READ_ME.encode(),
    "größe.txt": "Umlaute im Namen: äöü\n".encode(),
    "data.bin": bytes(range(256)) * 64,
}


def write(folder: Path) -> None:
    """Write the project into a folder."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
