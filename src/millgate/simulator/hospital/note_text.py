"""A clinical note as words, and as the bytes of the formats in which Millennium keeps notes: RTF, XHTML, HTML, plain text, PDF."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import wrap

_LINES_A_PAGE, _COLUMNS = 52, 88
_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, slots=True)
class NoteText:
    """A title and paragraphs, each with a heading that may be empty."""

    title: str
    paragraphs: tuple[tuple[str, str], ...]

    def encoded(self, content_type: str) -> bytes:
        """The note in one of the formats. KeyError for another one."""
        return {
            "text/plain": self.plain,
            "text/rtf": self.rtf,
            "text/html": self.html,
            "application/xhtml+xml": self.xhtml,
            "application/xml": self.xml,
            "application/pdf": self.pdf,
        }[content_type]()

    def plain(self) -> bytes:
        told = "\n\n".join(f"{heading}\n{text}" if heading else text for heading, text in self.paragraphs)
        return f"{self.title}\n\n{told}\n".encode()

    def rtf(self) -> bytes:
        """RTF 1.9 in ASCII; other characters as Unicode escapes."""
        lines = [r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\f0\fs20", rf"{{\b {_rtf(self.title)}}}\par\par"]
        for heading, text in self.paragraphs:
            lines += [rf"{{\b {_rtf(heading)}}}\par"] if heading else []
            lines.append(rf"{_rtf(text)}\par\par")
        return "\n".join([*lines, "}"]).encode("ascii")

    def html(self) -> bytes:
        return f"<!DOCTYPE html>\n<html><head><title>{escape(self.title)}</title></head>{self._body()}</html>".encode()

    def xhtml(self) -> bytes:
        head = f"<head><title>{escape(self.title)}</title></head>"
        return f'{_XML_HEAD}\n<html xmlns="http://www.w3.org/1999/xhtml">{head}{self._body()}</html>'.encode()

    def xml(self) -> bytes:
        parts = "".join(f'<section title="{escape(h)}">{escape(text, quote=False)}</section>' for h, text in self.paragraphs)
        return f"{_XML_HEAD}\n<report><title>{escape(self.title, quote=False)}</title>{parts}</report>".encode()

    def pdf(self) -> bytes:
        """PDF 1.4 with one of the fonts that every reader has; characters beyond Latin-1 become question marks."""
        lines = [self.title, ""]
        for heading, text in self.paragraphs:
            lines += [heading] if heading else []
            for line in text.split("\n"):
                lines += wrap(line, _COLUMNS) or [""]
            lines.append("")
        return _pdf([lines[at : at + _LINES_A_PAGE] for at in range(0, len(lines), _LINES_A_PAGE)])

    def _body(self) -> str:
        told = "".join(
            f"{f'<h2>{escape(heading)}</h2>' if heading else ''}<p>{escape(text, quote=False).replace(chr(10), '<br />')}</p>"
            for heading, text in self.paragraphs
        )
        return f"<body><h1>{escape(self.title)}</h1>{told}</body>"


def _rtf(text: str) -> str:
    made = []
    for char in text:
        if char in "\\{}":
            made.append("\\" + char)
        elif char == "\n":
            made.append("\\line ")
        elif ord(char) < 128:
            made.append(char)
        else:
            units = char.encode("utf-16-le")
            codes = (int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2))
            made.append("".join(f"\\u{code}?" for code in codes))
    return "".join(made)


def _pdf(pages: list[list[str]]) -> bytes:
    """Objects: catalog, page tree, font, then a page and its content for each page. Source: PDF 1.4 reference, 3.4."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        content = _page(lines)
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"{page} /Contents {5 + 2 * number} 0 R >>".encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(made)


def _page(lines: list[str]) -> bytes:
    shown = [b"BT /F1 10 Tf 54 738 Td 13 TL"]
    for line in lines:
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        shown.append(b"(" + escaped.encode("cp1252", errors="replace") + b") Tj T*")
    return b"\n".join([*shown, b"ET"])
