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
_FORTRAN = ("fortran", r"(?i)^(?:[c*!]|[ ]{5,}\S|\t\S|\s*(?:program|subroutine|function|module|integer|real)\b)")
_FORTH = ("forth", r"^(?:: \S|\\ \S|\( \S)")

_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "h": (
        ("objective-c", r"^\s*(?:@(?:interface|protocol|class|property|end|implementation)\b|#import\s+[<\"])"),
        (
            "c++",
            r"^\s*(?:template\s*<|(?:public|private|protected)\s*:|namespace\b[\w\s:]*\{|class\s+\w[\w\s:,<>]*[{;]"
            r"|using\s+(?:namespace\s+)?\w|constexpr\b|#\s*include\s*<(?:string|vector|map|memory|iostream|utility"
            r"|functional|algorithm|cstd\w+|unordered_\w+|tuple|array|optional|type_traits|atomic|mutex|set|list|limits"
            r"|sstream|ostream|initializer_list|stdexcept)>)|\bstd::\w|\bstatic_cast<|\boperator\s*[=<>!+*\[(]"
            r"|\bnoexcept\b|\bvirtual\s+[~\w]|=\s*(?:delete|default)\s*;",
        ),
    ),
    "m": (
        ("objective-c", r"^\s*(?:@(?:interface|implementation|protocol|property|import|class|end|synthesize)\b|#import\b)"),
        ("mercury", r"^\s*:-\s*(?:module|interface|import_module|pred|func|type|mode)\b"),
        ("matlab", r"^\s*(?:%|function\b[^;{]*$|classdef\b|end(?:function|if|for|while)?\s*;?\s*$|\w+\s*=\s*\[|clear\b|clc\b)"),
        ("mathematica", r"\(\*|\w\[[^\]]*_\]\s*:="),
        ("objective-c", r"^\s*#\s*include\b|\[\w+ \w+[\]:]"),
    ),
    "mm": (_XML,),
    "ts": (_XML,),
    "tsx": (_XML,),
    "pl": (
        ("prolog", r"^\s*:-\s*\w|^[a-z]\w*(?:\([^()\n]*\))?\s*:-\s"),
        ("raku", r"^\s*(?:use\s+v6\b|(?:my\s+)?class\s+\w[\w:]*\s*(?:is\s+\w+\s*)?\{|(?:multi|unit)\s+\w|\w+\s+sub\s+MAIN)"),
    ),
    "t": (
        ("raku", r"^\s*(?:use\s+v6\b|use\s+Test\s*;|unit\s+|plan\s+\*)"),
        ("turing", r"^\s*(?:var|const|proc|procedure|fcn)\s+\w+\s*(?::|:=)"),
    ),
    "pm": (
        ("x pixmap", r"\A\s*/\* XPM \*/"),
        ("raku", r"^\s*(?:use\s+v6\b|unit\s+(?:module|class)|(?:my\s+)?(?:role|grammar)\s+\w)"),
    ),
    "pro": (
        ("qmake", r"^\s*(?:QT|TEMPLATE|TARGET|SOURCES|HEADERS|CONFIG|SUBDIRS)\s*[+-]?=|^\s*include\("),
        ("prolog", r"^\s*:-|^[a-z]\w*(?:\([^()\n]*\))?\s*:-\s"),
        ("idl", r"(?i)^\s*(?:pro|function)\s+\w+|^\s*;|^\s*end\s*$"),
    ),
    "r": (("rebol", r"(?i)\A\s*rebol\b|^\s*rebol\s*\["),),
    "v": (
        ("rocq prover", r"^\s*(?:Require|Import|Export|Theorem|Lemma|Definition|Inductive|Fixpoint|Proof|Section|Module)\b"),
        ("verilog", r"^\s*(?:module\s+\w+\s*[#(;]|endmodule\b|`(?:timescale|define|include|ifdef)\b|always\s*@)"),
        ("v", r"^\s*(?:pub\s+)?fn\s+\w|^module\s+\w+\s*$|\$(?:if|else)\b"),
    ),
    "sql": (
        ("plpgsql", r"(?i)\$\$|\blanguage\s+'?plpgsql\b"),
        ("plsql", r"(?i)\b(?:varchar2|number\s*\(|dbms_\w+|create\s+or\s+replace\s+(?:package|procedure|trigger|type))\b|^/\s*$"),
        ("tsql", r"(?i)^\s*go\s*$|\[dbo\]|\bnvarchar\b|\bset\s+(?:ansi_nulls|quoted_identifier|nocount)\b|\bdeclare\s+@\w"),
        ("sqlpl", r"(?i)\bbegin\s+atomic\b|\bmodifies\s+sql\s+data\b"),
    ),
    "cs": (("smalltalk", r"^![\w ]+methodsFor: '|^\s*Object subclass: #"),),
    "d": (
        ("makefile", r"^\S+\.[oO]\b[^\n]*:\s|^[\w./-]+:\s*\\$"),
        ("dtrace", r"^(?:\w+:\w*:\w*:|BEGIN\s*$|#pragma\s+D\b|#!.*dtrace)"),
    ),
    "rs": (_XML, ("renderscript", r"^\s*#pragma\s+(?:version\(|rs\b)|__attribute__\(\(kernel\)\)")),
    "f": (_FORTRAN, _FORTH),
    "for": (_FORTRAN, _FORTH),
    "fs": (
        ("forth", r"^(?:: \S.*;\s*$|\\ \S)"),
        ("glsl", r"^\s*(?:#version\s+\d|precision\s+\w+p\s|uniform\s|varying\s|void\s+main\s*\()"),
    ),
    "cls": (
        ("tex", r"^\s*(?:\\|%)"),
        ("visual basic 6.0", r"(?i)^VERSION\s+1\.0\s+CLASS|^Attribute\s+VB_"),
        ("objectscript", r"^\s*Class\s+[\w.%]+\s+(?:Extends|\[)"),
        ("apex", r"(?i)^\s*(?:global|public|private|@isTest)\b.*\bclass\b|^\s*(?:with|without)\s+sharing"),
        ("openedge abl", r"(?i)^\s*(?:using|class)\s+[\w.]+\s*(?:inherits|:|\.)"),
    ),
    "inc": (
        ("php", r"<\?(?:php|=)"),
        ("c++", r"^\s*(?:#\s*(?:include|define|ifdef|ifndef|if)\b|template\s*<|static\s+\w+|namespace\b)|^\s*//|^\s*/\*"),
        ("pascal", r"(?i)^\s*(?:\{\$|procedure\b|unit\s+\w|\{)"),
        ("assembly", r"(?i)^\s*(?:;|\.?(?:macro|equ|section|global|org)\b|%(?:define|macro|ifdef))|\bequ\b"),
        ("bitbake", r"^\s*(?:inherit|SRC_URI|DEPENDS|require)\b|^\w+(?::\w+)*\s*\??=\s*\""),
        ("sql", r"(?i)^\s*(?:select|create|insert|drop|--)\b"),
    ),
    "s": (("motorola 68k assembly", r"(?i)\bmove(?:\.[bwl]|m)\s|\b[ad][0-7]\s*,\s*[ad][0-7]\b"),),
    "as": (
        ("actionscript", r"^\s*(?:package\b|import\s+flash|(?:public|private)\s+(?:class|function|var)\b|var\s+\w+\s*:)"),
        ("angelscript", r"^\s*(?:shared\s+|mixin\s+)?class\s+\w|\b\w+@\s"),
    ),
    "pp": (("pascal", r"(?i)^\s*(?:unit|program|interface|implementation|uses|procedure)\b"),),
    "st": (("stringtemplate", r"^\s*(?:group\s+\w|\w+\([^)]*\)\s*::=)|\$\w+(?:\.\w+)*\$|<if\("),),
    "lsp": (("newlisp", r"^\s*\((?:context|define)\s"), ("common lisp", r"(?i)^\s*\((?:defun|in-package|defpackage|defmacro)\b")),
    "lisp": (("newlisp", r"^\s*\(context\s"),),
    "cl": (
        ("opencl", r"\b(?:__)?kernel\s+void\b|\b__global\b|#\s*pragma\s+OPENCL|^\s*#\s*include|/\*|^\s*//"),
        ("common lisp", r"(?i)^\s*\((?:defun|in-package|defpackage|defmacro|defvar)\b"),
        ("cool", r"^\s*class\s+[A-Z]\w*(?:\s+inherits\s+[A-Z]\w*)?\s*\{"),
    ),
    "mod": (_XML, ("modula-2", r"(?i)^\s*(?:(?:definition|implementation)\s+)?module\s+\w+\s*;"), ("ampl", r"^\s*(?:set|param|var|minimize)\s+\w")),
    "sc": (("supercollider", r"(?i)\^(?:this|super)\.|^\s*~\w+\s*=|\bSynthDef\b|^\s*[+*]?\s*\w+\s*\{\s*\|"),),
    "hh": (("hack", r"\A\s*<\?hh"),),
    "php": (("hack", r"\A\s*<\?hh"),),
    "frag": (("javascript", r"^\s*(?:\(function|var\s|import\s|export\s)"),),
    "e": (
        ("eiffel", r"(?i)^\s*(?:class|feature|note|inherit|indexing)\s*(?:$|\w|--)"),
        ("euphoria", r"^\s*(?:include\s+[\w/]+\.e|namespace\b|(?:global\s+)?(?:procedure|function|constant|type)\s+\w)"),
        ("e", r"^\s*(?:def\s+\w+\s*(?::=|\()|pragma\.)"),
    ),
    "re": (("c++", r"^\s*#(?:include|define|if|pragma)\b|^\s*template\s*<|re2c"), ("reason", r"^\s*(?:let|module|open|type)\s+\w")),
    "ls": (("loomscript", r"^\s*package\s*[\w.]*\s*\{?\s*$"),),
    "i": (("swig", r"^\s*%(?:module|include|inline|\{|template)"), ("assembly", r"(?i)^\s*(?:;|\.?equ\b|\w+:\s*$)")),
    "cue": (("cue sheet", r"(?i)^\s*(?:FILE\s+\"|TRACK\s+\d|PERFORMER\s|REM\s+GENRE)"),),
    "b": (("limbo", r"^\s*(?:implement|include)\s+[\"\w]"),),
    "sch": (_XML,),
    "bas": (
        ("freebasic", r"(?i)^\s*#(?:include|lang|define|if)\b|\bdim\s+as\s+\w|^\s*(?:namespace|extern)\b"),
    ),
    "gs": (("gosu", r"^\s*uses\s+[\w.]+\s*$|^\s*package\s+[\w.]+\s*$"), ("genie", r"^\s*(?:\[indent|init\s*$|uses\s*$|def\s+\w+\()")),
    "sls": (("scheme", r"^\s*(?:#!r6rs|\(library\b)"),),
    "gd": (("gap", r"\b(?:DeclareOperation|DeclareGlobalFunction|InstallMethod)\b"),),
    "ms": (("roff", r"^\.[A-Z]{2}\b"), ("unix assembly", r"^\s*\.(?:globl|text|section|include)\b")),
    "nl": (("newlisp", r"^\s*(?:\(|;)"),),
    "md": (("gcc machine description", r"^\(define_(?:insn|expand|attr|constants|register)\b"),),
    "scm": (("tree-sitter query", r"\)\s*@[a-z][\w.]*\s*$|^\s*\"[^\"]+\"\s*@\w"),),
    "ml": (("standard ml", r"^\s*(?:structure|signature|functor)\s+\w+\s*[:=(]|^\s*fun\s+\w+.*=\s*$|=>"),),
    "l": (
        ("lex", r"^%[%{}]|^%option\b"),
        ("common lisp", r"(?i)^\s*\((?:def(?:un|macro|var)|in-package)\b"),
        ("roff", r"^\.\w"),
    ),
    "q": (("hiveql", r"(?i)^\s*(?:select|create|set|insert|drop|from|use|alter|explain)\b"), ("q", r"^\s*(?:\\[a-z]\s|\.\w+(?:\.\w+)*:|\w+:\{)")),
    "spec": (
        ("rpm spec", r"^(?:Name|Version|Release|Summary|License|%\w+)\s*:?"),
        ("ruby", r"^\s*(?:require|describe|Gem::Specification)\b"),
        ("python", r"^\s*(?:a|pyz|exe|coll)\s*=\s*\w+\(|^\s*(?:import|from)\s+\w"),
    ),
    "bb": (("clojure", r"^\s*\((?:ns|require|def|defn|let)\b|\A#!.*\bbb\b"),),
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
