"""Every diagnostic of the language: its stable code and, in one line, the rule behind it.

Codes are never reused. docs/language.md shows each with an example, and a test keeps both in step.
"""

CODES: dict[str, str] = {
    # E01xx: the text can not be read as sections, statements and patterns.
    "E0101": "something stands where the grammar does not allow it",
    "E0102": "a bracket is opened and never closed",
    "E0103": "a character that the language does not use",
    "E0104": "a control character in the text",
    "E0105": "brackets are nested too deep",
    "E0106": "the text is too long",
    "E0107": "the text holds no section",
    "E0108": "text after the end of the section",
    # E02xx: the text can be read, but means nothing.
    "E0201": "unknown kind of section",
    "E0202": "unknown setting or statement",
    "E0203": "unknown parameter of a block",
    "E0204": "unknown kind of block",
    "E0205": "a layer names a block that is not defined",
    "E0206": "a setting is given twice",
    "E0207": "a block is defined twice",
    "E0208": "a parameter is given twice",
    "E0209": "something that every section needs is missing",
    "E0210": "a value of the wrong type or out of range",
    "E0211": "dimensions of a block do not fit together",
    "E0212": "too many layers",
    "E0213": "a block or a group is repeated zero times",
    "E0214": "a number stands where a block belongs",
    "E0215": "a name is too long",
    "E0216": "a statement that belongs in another kind of section",
    "E0217": "a search space was given where one architecture is needed",
    # E03xx: the file can not be read or written.
    "E0301": "the file does not exist",
    "E0302": "the path is not a regular file",
    "E0303": "the file is too large",
    "E0304": "the file can not be read",
    "E0305": "the file is not UTF-8 text",
    "E0306": "the file can not be written",
}
