"""Which of the languages that share an extension a text is written in, by what only one of them writes.

Rules are tried in order on the first 64 KiB; the first that is found decides. Where none is, the likeliest language
of `language_names.SHARED` is taken.
"""

from __future__ import annotations

import re
from functools import cache

from ingest.code.language_names import SHARED

SAMPLE = 1 << 16  # characters
_XML = ("xml", r"\A\s*(?:<\?xml|<!DOCTYPE|<TS\b|<[A-Za-z][\w:.-]*(?:\s+[\w:.-]+\s*=\s*[\"'][^\"'<>]*[\"'])+\s*/?>)")
_FORTRAN = ("fortran", r"(?i)^(?:[c*!]|[ ]{5,}\S|\t\S|[ \t]*(?:program|subroutine|function|module|integer|real)\b)")
_FORTH = ("forth", r"^(?:: \S|\\ \S|\( \S)")

_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "h": (
        ("objective-c", r"^[ \t]*+(?:@(?:interface|protocol|class|property|end|implementation)\b|#import\s+[<\"])"),
        (
            "c++",
            r"^[ \t]*+(?:template\s*<|(?:public|private|protected)\s*:|namespace\b[\w\s:]*\{|class\s+\w[\w\s:,<>]*[{;]"
            r"|using\s+(?:namespace\s+)?\w|constexpr\b|#\s*include\s*<(?:string|vector|map|memory|iostream|utility"
            r"|functional|algorithm|cstd\w+|unordered_\w+|tuple|array|optional|type_traits|atomic|mutex|set|list|limits"
            r"|sstream|ostream|initializer_list|stdexcept)>)|\bstd::\w|\bstatic_cast<|\boperator\s*[=<>!+*\[(]"
            r"|\bnoexcept\b|\bvirtual\s+[~\w]|=\s*(?:delete|default)\s*;",
        ),
    ),
    "m": (
        ("objective-c", r"^[ \t]*+(?:@(?:interface|implementation|protocol|property|import|class|end|synthesize)\b|#import\b)"),
        ("mercury", r"^[ \t]*+:-\s*(?:module|interface|import_module|pred|func|type|mode)\b"),
        ("matlab", r"^[ \t]*+(?:%|function\b[^;{]*$|classdef\b|end(?:function|if|for|while)?\s*;?[ \t]*$|\w+\s*=\s*\[|clear\b|clc\b)"),
        ("mathematica", r"\(\*|\w\[[^\]]*_\]\s*:="),
        ("objective-c", r"^[ \t]*+#\s*include\b|\[\w+ \w+[\]:]"),
    ),
    "mm": (_XML,),
    "ts": (_XML,),
    "tsx": (_XML,),
    "pl": (
        ("prolog", r"^[ \t]*+:-\s*\w|^[a-z]\w*(?:\([^()\n]*\))?\s*:-\s"),
        ("raku", r"^[ \t]*+(?:use\s+v6\b|(?:my\s+)?class\s+\w[\w:]*\s*(?:is\s+\w+\s*)?\{|(?:multi|unit)\s+\w|\w+\s+sub\s+MAIN)"),
    ),
    "t": (
        ("raku", r"^[ \t]*+(?:use\s+v6\b|use\s+Test\s*;|unit\s+|plan\s+\*)"),
        ("turing", r"^[ \t]*+(?:var|const|proc|procedure|fcn)\s+\w+\s*(?::|:=)"),
    ),
    "pm": (
        ("x pixmap", r"\A\s*/\* XPM \*/"),
        ("raku", r"^[ \t]*+(?:use\s+v6\b|unit\s+(?:module|class)|(?:my\s+)?(?:role|grammar)\s+\w)"),
    ),
    "pro": (
        ("qmake", r"^[ \t]*+(?:QT|TEMPLATE|TARGET|SOURCES|HEADERS|CONFIG|SUBDIRS)\s*[+-]?=|^[ \t]*+include\("),
        ("prolog", r"^[ \t]*+:-|^[a-z]\w*(?:\([^()\n]*\))?\s*:-\s"),
        ("idl", r"(?i)^[ \t]*+(?:pro|function)\s+\w+|^[ \t]*+;|^[ \t]*+end[ \t]*$"),
    ),
    "r": (("rebol", r"(?i)\A\s*rebol\b|^[ \t]*+rebol\s*\["),),
    "v": (
        ("rocq prover", r"^[ \t]*+(?:Require|Import|Export|Theorem|Lemma|Definition|Inductive|Fixpoint|Proof|Section|Module)\b"),
        ("verilog", r"^[ \t]*+(?:module\s+\w+\s*[#(;]|endmodule\b|`(?:timescale|define|include|ifdef)\b|always\s*@)"),
        ("v", r"^[ \t]*+(?:pub\s+)?fn\s+\w|^module\s+\w+[ \t]*$|\$(?:if|else)\b"),
    ),
    "sql": (
        ("plpgsql", r"(?i)\$\$|\blanguage\s+'?plpgsql\b"),
        ("plsql", r"(?i)\b(?:varchar2|number\s*\(|dbms_\w+|create\s+or\s+replace\s+(?:package|procedure|trigger|type))\b|^/[ \t]*$"),
        ("tsql", r"(?i)^[ \t]*+go[ \t]*$|\[dbo\]|\bnvarchar\b|\bset\s+(?:ansi_nulls|quoted_identifier|nocount)\b|\bdeclare\s+@\w"),
        ("sqlpl", r"(?i)\bbegin\s+atomic\b|\bmodifies\s+sql\s+data\b"),
    ),
    "cs": (("smalltalk", r"^![\w ]+methodsFor: '|^[ \t]*+Object subclass: #"),),
    "d": (
        ("makefile", r"^\S+\.[oO]\b[^\n]*:\s|^[\w./-]+:\s*\\$"),
        ("dtrace", r"^(?:\w+:\w*:\w*:|BEGIN[ \t]*$|#pragma\s+D\b|#!.*dtrace)"),
    ),
    "rs": (_XML, ("renderscript", r"^[ \t]*+#pragma\s+(?:version\(|rs\b)|__attribute__\(\(kernel\)\)")),
    "f": (_FORTRAN, _FORTH),
    "for": (_FORTRAN, _FORTH),
    "fs": (
        ("forth", r"^(?:: \S.*;[ \t]*$|\\ \S)"),
        ("glsl", r"^[ \t]*+(?:#version\s+\d|precision\s+\w+p\s|uniform\s|varying\s|void\s+main\s*\()"),
    ),
    "cls": (
        ("tex", r"^[ \t]*+(?:\\|%)"),
        ("visual basic 6.0", r"(?i)^VERSION\s+1\.0\s+CLASS|^Attribute\s+VB_"),
        ("objectscript", r"^[ \t]*+Class\s+[\w.%]+\s+(?:Extends|\[)"),
        ("apex", r"(?i)^[ \t]*+(?:global|public|private|@isTest)\b.*\bclass\b|^[ \t]*+(?:with|without)\s+sharing"),
        ("openedge abl", r"(?i)^[ \t]*+(?:using|class)\s+[\w.]+\s*(?:inherits|:|\.)"),
    ),
    "inc": (
        ("php", r"<\?(?:php|=)"),
        ("c++", r"^[ \t]*+(?:#\s*(?:include|define|ifdef|ifndef|if)\b|template\s*<|static\s+\w+|namespace\b)|^[ \t]*+//|^[ \t]*+/\*"),
        ("pascal", r"(?i)^[ \t]*+(?:\{\$|procedure\b|unit\s+\w|\{)"),
        ("assembly", r"(?i)^[ \t]*+(?:;|\.?(?:macro|equ|section|global|org)\b|%(?:define|macro|ifdef))|\bequ\b"),
        ("bitbake", r"^[ \t]*+(?:inherit|SRC_URI|DEPENDS|require)\b|^\w+(?::\w+)*\s*\??=\s*\""),
        ("sql", r"(?i)^[ \t]*+(?:select|create|insert|drop|--)\b"),
    ),
    "s": (("motorola 68k assembly", r"(?i)\bmove(?:\.[bwl]|m)\s|\b[ad][0-7]\s*,\s*[ad][0-7]\b"),),
    "as": (
        ("actionscript", r"^[ \t]*+(?:package\b|import\s+flash|(?:public|private)\s+(?:class|function|var)\b|var\s+\w+\s*:)"),
        ("angelscript", r"^[ \t]*+(?:shared\s+|mixin\s+)?class\s+\w|\b\w+@\s"),
    ),
    "pp": (("pascal", r"(?i)^[ \t]*+(?:unit|program|interface|implementation|uses|procedure)\b"),),
    "st": (("stringtemplate", r"^[ \t]*+(?:group\s+\w|\w+\([^)]*\)\s*::=)|\$\w+(?:\.\w+)*\$|<if\("),),
    "lsp": (("newlisp", r"^[ \t]*+\((?:context|define)\s"), ("common lisp", r"(?i)^[ \t]*+\((?:defun|in-package|defpackage|defmacro)\b")),
    "lisp": (("newlisp", r"^[ \t]*+\(context\s"),),
    "cl": (
        ("opencl", r"\b(?:__)?kernel\s+void\b|\b__global\b|#\s*pragma\s+OPENCL|^[ \t]*+#\s*include|/\*|^[ \t]*+//"),
        ("common lisp", r"(?i)^[ \t]*+\((?:defun|in-package|defpackage|defmacro|defvar)\b"),
        ("cool", r"^[ \t]*+class\s+[A-Z]\w*(?:\s+inherits\s+[A-Z]\w*)?\s*\{"),
    ),
    "mod": (_XML, ("modula-2", r"(?i)^[ \t]*+(?:(?:definition|implementation)\s+)?module\s+\w+\s*;"), ("ampl", r"^[ \t]*+(?:set|param|var|minimize)\s+\w")),
    "sc": (("supercollider", r"(?i)\^(?:this|super)\.|^[ \t]*+~\w+\s*=|\bSynthDef\b|^[ \t]*+[+*]?[ \t]*+\w+\s*\{\s*\|"),),
    "hh": (("hack", r"\A\s*<\?hh"),),
    "php": (("hack", r"\A\s*<\?hh"),),
    "frag": (("javascript", r"^[ \t]*+(?:\(function|var\s|import\s|export\s)"),),
    "e": (
        ("eiffel", r"(?i)^[ \t]*+(?:class|feature|note|inherit|indexing)\s*(?:$|\w|--)"),
        ("euphoria", r"^[ \t]*+(?:include\s+[\w/]+\.e|namespace\b|(?:global\s+)?(?:procedure|function|constant|type)\s+\w)"),
        ("e", r"^[ \t]*+(?:def\s+\w+\s*(?::=|\()|pragma\.)"),
    ),
    "re": (("c++", r"^[ \t]*+#(?:include|define|if|pragma)\b|^[ \t]*+template\s*<|re2c"), ("reason", r"^[ \t]*+(?:let|module|open|type)\s+\w")),
    "ls": (("loomscript", r"^[ \t]*+package\s*[\w.]*\s*\{?[ \t]*$"),),
    "i": (("swig", r"^[ \t]*+%(?:module|include|inline|\{|template)"), ("assembly", r"(?i)^[ \t]*+(?:;|\.?equ\b|\w+:[ \t]*$)")),
    "cue": (("cue sheet", r"(?i)^[ \t]*+(?:FILE\s+\"|TRACK\s+\d|PERFORMER\s|REM\s+GENRE)"),),
    "b": (("limbo", r"^[ \t]*+(?:implement|include)\s+[\"\w]"),),
    "sch": (_XML,),
    "bas": (
        ("freebasic", r"(?i)^[ \t]*+#(?:include|lang|define|if)\b|\bdim\s+as\s+\w|^[ \t]*+(?:namespace|extern)\b"),
    ),
    "gs": (("gosu", r"^[ \t]*+uses\s+[\w.]+[ \t]*$|^[ \t]*+package\s+[\w.]+[ \t]*$"), ("genie", r"^[ \t]*+(?:\[indent|init[ \t]*$|uses[ \t]*$|def\s+\w+\()")),
    "sls": (("scheme", r"^[ \t]*+(?:#!r6rs|\(library\b)"),),
    "gd": (("gap", r"\b(?:DeclareOperation|DeclareGlobalFunction|InstallMethod)\b"),),
    "ms": (("roff", r"^\.[A-Z]{2}\b"), ("unix assembly", r"^[ \t]*+\.(?:globl|text|section|include)\b")),
    "nl": (("newlisp", r"^[ \t]*+(?:\(|;)"),),
    "md": (("gcc machine description", r"^\(define_(?:insn|expand|attr|constants|register)\b"),),
    "scm": (("tree-sitter query", r"\)\s*@[a-z][\w.]*[ \t]*$|^[ \t]*+\"[^\"]+\"\s*@\w"),),
    "ml": (("standard ml", r"^[ \t]*+(?:structure|signature|functor)\s+\w+\s*[:=(]|^[ \t]*+fun\s+\w+.*=[ \t]*$|=>"),),
    "l": (
        ("lex", r"^%[%{}]|^%option\b"),
        ("common lisp", r"(?i)^[ \t]*+\((?:def(?:un|macro|var)|in-package)\b"),
        ("roff", r"^\.\w"),
    ),
    "q": (("hiveql", r"(?i)^[ \t]*+(?:select|create|set|insert|drop|from|use|alter|explain)\b"), ("q", r"^[ \t]*+(?:\\[a-z]\s|\.\w+(?:\.\w+)*:|\w+:\{)")),
    "spec": (
        ("rpm spec", r"^(?:Name|Version|Release|Summary|License|%\w+)\s*:?"),
        ("ruby", r"^[ \t]*+(?:require|describe|Gem::Specification)\b"),
        ("python", r"^[ \t]*+(?:a|pyz|exe|coll)\s*=\s*\w+\(|^[ \t]*+(?:import|from)\s+\w"),
    ),
    "bb": (("clojure", r"^[ \t]*+\((?:ns|require|def|defn|let)\b|\A#!.*\bbb\b"),),
    "plist": (("xml property list", r"\A\s*<"), ("openstep property list", r"\A\s*[{(/]")),
    "yy": (("json", r"\A\s*\{\s*\""),),
    "lean": (),
}  # fmt: skip


@cache
def _compiled(ending: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((language, re.compile(rule, re.MULTILINE)) for language, rule in _RULES.get(ending, ()))


def decide(ending: str, text: str) -> str:
    """The language of a text whose name ends in a shared extension (without its dot, in lower case)."""
    sample = text[:SAMPLE]
    for language, rule in _compiled(ending):
        if rule.search(sample):
            return language
    return SHARED[ending][0]
