"""Names by which a file tells its language: extensions, whole names, interpreters.

Languages carry Linguist's names in lower case. The tables are our own and hold what public code is made of; they are
checked against Linguist's by `benchmarks/ingest_code.py --linguist`. An extension that several languages share is in
`SHARED` (its content decides, see `language`), and nowhere else.
"""

from __future__ import annotations

# Language: its extensions. One that belongs to several languages is left to SHARED.
_EXTENSIONS = {
    "1c enterprise": "bsl os", "abap": "abap", "abnf": "abnf", "ada": "adb ads ada", "agda": "agda",
    "answer set programming": "lp", "antlr": "g4", "apacheconf": "apacheconf", "apl": "apl dyalog",
    "applescript": "applescript scpt", "asciidoc": "asciidoc adoc", "aspectj": "aj", "assembly": "nasm a51 asm",
    "astro": "astro", "autohotkey": "ahk ahkl", "autoit": "au3", "awk": "awk gawk mawk nawk auk", "ballerina": "bal",
    "batchfile": "bat cmd", "beef": "bf", "bibtex": "bib bibtex", "bicep": "bicep bicepparam", "bison": "bison",
    "bitbake": "bbappend", "blade": "blade.php", "bluespec": "bsv", "c": "c cats idc", "c#": "csx cake",
    "c++": "cpp cc cxx hpp hxx c++ h++ ipp tcc tpp txx cppm ixx inl ino", "cadence": "cdc", "cairo": "cairo",
    "cap'n proto": "capnp", "ceylon": "ceylon", "chapel": "chpl", "cil": "cil", "circom": "circom", "cirru": "cirru",
    "clarity": "clar", "clean": "icl dcl", "click": "click", "clips": "clp", "clojure": "clj cljc cljs",
    "closure templates": "soy", "cmake": "cmake cmake.in", "cobol": "cob cbl ccp cobol cpy", "codeql": "ql qll",
    "coffeescript": "coffee cjsx", "coldfusion": "cfm cfml", "common lisp": "asd", "common workflow language": "cwl",
    "conll-u": "conllu", "crystal": "cr", "csound": "orc udo", "csound score": "sco", "css": "css", "csv": "csv",
    "cuda": "cu cuh", "cweb": "w", "cycript": "cy", "cypher": "cyp cypher", "cython": "pyx pxd pxi", "d": "di",
    "dafny": "dfy", "darcs patch": "dpatch", "dart": "dart", "dataweave": "dwl", "debian package control file": "dsc",
    "desktop": "desktop desktop.in service", "dhall": "dhall", "diff": "diff patch", "dm": "dm",
    "dns zone": "arpa zone", "dockerfile": "dockerfile containerfile", "dotenv": "env", "dylan": "dylan dyl intr lid",
    "e-mail": "eml", "eagle": "brd", "easybuild": "eb", "ebnf": "ebnf", "ec": "ec eh", "ecl": "ecl eclxml",
    "editorconfig": "editorconfig", "edn": "edn", "ejs": "ejs ect jst", "elixir": "ex exs", "elm": "elm",
    "elvish": "elv", "emacs lisp": "el", "erlang": "erl hrl escript xrl yrl app.src", "f#": "fsi fsx",
    "factor": "factor", "fantom": "fan", "faust": "dsp", "fennel": "fnl", "figlet font": "flf", "fish": "fish",
    "flux": "flux", "forth": "4th forth frt", "fortran": "f77 fpp", "fortran free form": "f90 f95 f03 f08",
    "freemarker": "ftl ftlh", "futhark": "fut", "g-code": "gco gcode", "game maker language": "gml", "gap": "gap gi",
    "gedcom": "ged", "gemini": "gmi", "genshi": "kid", "gentoo ebuild": "ebuild", "gentoo eclass": "eclass",
    "gerber image": "gbr gtl gbl gbs gts", "gettext catalog": "po pot", "gherkin": "feature story",
    "git attributes": "gitattributes", "git config": "gitconfig gitmodules", "gleam": "gleam",
    "glsl": "glsl fshader geom glslv glslf tesc tese comp vshader vsh fsh vert", "gn": "gn gni",
    "gnuplot": "gnuplot gp plt", "go": "go", "gosu": "gst gsx vark", "gradle": "gradle",
    "gradle kotlin dsl": "gradle.kts", "graphql": "graphql gql graphqls", "graphviz (dot)": "gv dot",
    "groovy": "groovy grt gtpl gvy", "gsc": "gsc gsh csc", "hack": "hack hhi", "haml": "haml",
    "handlebars": "hbs handlebars", "haskell": "hs hsc hs-boot", "haxe": "hx hxsl", "hcl": "hcl nomad tf tfvars",
    "hiveql": "hql", "hlsl": "hlsl hlsli cginc fxh", "hocon": "hocon", "holyc": "hc",
    "html": "gohtml html htm xht xhtml", "html+erb": "html.erb erb rhtml", "html+php": "phtml",
    "html+razor": "cshtml razor", "http": "http", "hxml": "hxml", "hy": "hy", "idris": "idr lidr",
    "ignore list": "gitignore dockerignore npmignore", "igor pro": "ipf", "imba": "imba", "ini": "cfg ini conf",
    "inno setup": "iss isl", "io": "io", "isabelle": "thy", "j": "ijs", "janet": "janet", "java": "java jav jsh",
    "java properties": "properties", "java server pages": "jsp",
    "javascript": "js cjs mjs es6 jsm jsx ssjs xsjs jake bones njs sjs", "javascript+erb": "js.erb",
    "jflex": "flex jflex", "jinja": "jinja j2 jinja2", "jison": "jison", "jolie": "ol iol", "jq": "jq",
    "json": "json geojson gltf har jsonl topojson webapp webmanifest avsc mcmeta tfstate tact yyp sarif "
    "ndjson importmap",
    "json with comments": "jsonc code-workspace code-snippets sublime-settings sublime-project", "json5": "json5",
    "jsonld": "jsonld", "jsonnet": "jsonnet libsonnet", "julia": "jl", "jupyter notebook": "ipynb", "just": "just",
    "kaitai struct": "ksy", "kakounescript": "kak", "kdl": "kdl", "kicad layout": "kicad_pcb kicad_mod kicad_wks",
    "kicad schematic": "kicad_sch", "kit": "kit", "koka": "kk", "kotlin": "kt ktm kts", "krl": "krl",
    "kusto": "kql csl", "kvlang": "kv", "labview": "lvproj lvlib", "lasso": "las lasso lasso8", "latte": "latte",
    "lean": "lean", "less": "less", "lex": "lex", "ligolang": "ligo", "lilypond": "ly ily", "linker script": "ld lds",
    "liquid": "liquid", "literate agda": "lagda", "literate coffeescript": "litcoffee", "literate haskell": "lhs",
    "llvm": "ll", "logtalk": "lgt", "lookml": "lkml lookml", "lsl": "lsl lslp",
    "lua": "lua rockspec nse pd_lua rbxs wlua p8", "luau": "luau", "m4": "m4 mc", "macaulay2": "m2",
    "makefile": "mak mk make makefile mkfile", "mako": "mako mao",
    "markdown": "markdown mdown mdwn mkd mkdn mkdown livemd ronn scd workbook", "marko": "marko",
    "mathematica": "wl wlt nbp mt cdf ma nb", "matlab": "matlab", "max": "maxpat maxhelp", "mcfunction": "mcfunction",
    "mdx": "mdx", "mermaid": "mmd mermaid", "metal": "metal", "mint": "mint", "mirah": "mirah", "mlir": "mlir",
    "modelica": "mo", "modula-3": "i3 ig m3 mg", "mojo": "mojo", "monkey": "monkey monkey2", "moonscript": "moon",
    "motorola 68k assembly": "x68", "move": "move", "mql4": "mq4", "mql5": "mq5", "mtml": "mtml", "muse": "muse",
    "mustache": "mustache", "myghty": "myt", "nasl": "nasl", "nearley": "ne nearley", "nesc": "nc",
    "netlogo": "nlogo", "nextflow": "nf", "nginx": "nginx nginxconf vhost", "nim": "nim nimble nimrod nims",
    "ninja": "ninja", "nit": "nit", "nix": "nix", "nsis": "nsi nsh", "nu": "nu", "nunjucks": "njk", "nwscript": "nss",
    "objdump": "objdump", "objective-j": "j sj", "ocaml": "mli mll mly eliom eliomi ml4", "odin": "odin",
    "omgrofl": "omgrofl", "ooc": "ooc", "opa": "opa", "opal": "opal", "open policy agent": "rego", "opencl": "opencl",
    "openqasm": "qasm", "openscad": "scad", "opentype feature file": "fea", "org": "org", "oxygene": "oxygene",
    "oz": "oz", "p4": "p4", "pan": "pan", "papyrus": "psc", "parrot": "parrot", "pascal": "pas dpr dfm lpr pascal",
    "pawn": "pwn sma", "pddl": "pddl", "peg.js": "pegjs peggy", "pep8": "pep", "perl": "plx ph psgi perl al",
    "php": "php3 php4 php5 phps ctp aw phpt", "pic": "pic", "piglatin": "pig", "pike": "pike pmod", "pkl": "pkl",
    "plantuml": "puml iuml plantuml", "plpgsql": "pgsql", "plsql": "pls pck pkb pks plb plsql bdy tpb tps",
    "pod": "pod", "pogoscript": "pogo", "polar": "polar", "pony": "pony", "portugol": "por",
    "postscript": "ps eps epsi", "pov-ray sdl": "pov", "powershell": "ps1 psd1 psm1", "prisma": "prisma",
    "processing": "pde", "promela": "pml", "protocol buffer": "proto",
    "protocol buffer text format": "pbtxt textproto textpb pbt", "pug": "jade pug", "pure data": "pd",
    "purebasic": "pb pbi", "purescript": "purs", "python": "py pyw pyi pyp pyt py3 wsgi xpy rpy gyp gypi tac lmi",
    "q#": "qs", "qmake": "pri", "qml": "qml qbs", "racket": "rkt rktd rktl scrbl", "ragel": "rl",
    "raku": "raku rakumod p6 p6l p6m pm6 pl6 nqp", "raml": "raml", "rbs": "rbs", "rdoc": "rdoc",
    "realbasic": "rbbas rbfrm rbmnu rbres rbtbar rbuistate", "red": "red reds", "regular expression": "regexp",
    "rescript": "res resi", "restructuredtext": "rst rest rest.txt rst.txt", "rexx": "rexx pprx rex",
    "rich text format": "rtf", "ring": "ring", "riot": "riot", "rmarkdown": "rmd", "robotframework": "robot resource",
    "roc": "roc", "roff": "man mdoc me roff tmac 1 2 3 4 5 6 7 8", "rouge": "rg", "rpgle": "rpgle sqlrpgle",
    "ruby": "rb builder gemspec jbuilder podspec rake ru ruby thor rbi rbuild rbw rbx eye god mspec "
    "pluginspec prawn rabl watchr",
    "runoff": "rnh rno", "sage": "sage sagews", "sas": "sas", "sass": "sass", "scala": "scala sbt kojo",
    "scaml": "scaml", "scheme": "sld sps ss", "scss": "scss", "sed": "sed", "shaderlab": "shader",
    "shell": "sh bash bats zsh ksh sh.in zsh-theme", "shen": "shen", "sieve": "sieve", "slash": "sl", "slim": "slim",
    "slint": "slint", "smarty": "tpl", "smithy": "smithy", "smt": "smt2 smt z3", "snakemake": "smk snakefile",
    "solidity": "sol", "sourcepawn": "sp", "sparql": "sparql rq", "sqf": "sqf hqf", "sql": "cql prc tab udf viw",
    "squirrel": "nut", "stan": "stan", "standard ml": "sml fun sig", "starlark": "bzl star",
    "stata": "ado do doh ihlp mata matah sthlp", "stl": "stl", "stylus": "styl", "subrip text": "srt",
    "sugarss": "sss", "svelte": "svelte", "svg": "svg", "swift": "swift", "systemverilog": "sv svh vh",
    "talon": "talon", "tcl": "tcl adp sdc tcl.in xdc tm", "tea": "tea",
    "tex": "tex sty ltx bbx cbx dtx ins lbx mkii mkiv mkvi aux", "texinfo": "texinfo texi txi", "text": "gotmpl txt",
    "textile": "textile", "thrift": "thrift", "tl-verilog": "tlv", "tla": "tla", "toit": "toit", "toml": "toml",
    "tsv": "tsv vcf", "turtle": "ttl", "twig": "twig", "type language": "tl", "typescript": "cts mts", "typst": "typ",
    "unity3d asset": "anim mat meta unity prefab", "uno": "uno", "unrealscript": "uc", "urweb": "ur urs",
    "vala": "vala vapi", "valve data format": "vdf", "vbscript": "vbs", "vcl": "vcl",
    "velocity template language": "vtl", "verilog": "veo", "vhdl": "vhd vhdl vhf vhi vho vhs vht vhw",
    "vim script": "vim vba vimrc vmb", "vim snippet": "snip snippet snippets", "visual basic .net": "vb vbhtml",
    "visual basic 6.0": "ctl dsr frm", "vue": "vue", "vyper": "vy", "wavefront object": "obj", "wdl": "wdl",
    "web ontology language": "owl", "webassembly": "wat wast", "webidl": "webidl", "webvtt": "vtt", "wgsl": "wgsl",
    "whiley": "whiley", "wikitext": "mediawiki wiki wikitext", "windows registry entries": "reg", "wisp": "wisp",
    "wollok": "wlk", "wren": "wren", "x pixmap": "xpm", "x10": "x10", "xbase": "prg ch prw",
    "xml": "xml xsd xib xlf wsdl xaml csproj vbproj fsproj vcxproj props targets nuspec resx rss atom rdf kml "
    "gpx storyboard ui xmp xul jelly ditamap dita ccxml grxml iml ivy proj ps1xml ux vstemplate vxml "
    "x3d xacro xliff xmi xproj zcml launch pkgproj shproj sublime-snippet admx",
    "xml property list": "sttheme tmlanguage tmtheme tmsnippet tmpreferences", "xonsh": "xsh", "xpages": "xsp-config",
    "xproc": "xpl xproc", "xquery": "xquery xq xql xqm xqy", "xs": "xs", "xslt": "xslt xsl", "xtend": "xtend",
    "yacc": "y yacc", "yaml": "yaml yml mir reek rviz sublime-syntax syntax yaml-tmlanguage cff", "yang": "yang",
    "yara": "yar yara", "yasnippet": "yasnippet", "yul": "yul", "zap": "zap xzap", "zeek": "zeek bro",
    "zenscript": "zs", "zephir": "zep", "zig": "zig zig.zon", "zimpl": "zmpl zpl",
}  # fmt: skip

# Extension: the languages that share it, the likeliest first; `shared` of `language` decides by content.
SHARED = {
    "as": ("actionscript", "angelscript"), "b": ("brainfuck", "limbo"), "bas": ("visual basic 6.0", "freebasic"),
    "bb": ("bitbake", "clojure"), "cl": ("common lisp", "opencl", "cool"),
    "cls": ("tex", "apex", "visual basic 6.0", "objectscript", "openedge abl"), "cs": ("c#", "smalltalk"),
    "cue": ("cue", "cue sheet"), "d": ("d", "makefile", "dtrace"), "e": ("eiffel", "e", "euphoria"),
    "f": ("fortran", "forth"), "for": ("fortran", "forth"), "frag": ("glsl", "javascript"),
    "fs": ("f#", "forth", "glsl"), "gd": ("gdscript", "gap"), "gs": ("javascript", "gosu", "genie"),
    "h": ("c", "c++", "objective-c"), "hh": ("c++", "hack"), "i": ("swig", "assembly"),
    "inc": ("php", "assembly", "c++", "pascal", "sql", "bitbake"), "l": ("lex", "common lisp", "roff"),
    "lisp": ("common lisp", "newlisp"), "ls": ("livescript", "loomscript"), "lsp": ("common lisp", "newlisp"),
    "m": ("objective-c", "matlab", "mathematica", "mercury"), "md": ("markdown", "gcc machine description"),
    "ml": ("ocaml", "standard ml"), "mm": ("objective-c++", "xml"), "mod": ("modula-2", "xml", "ampl"),
    "ms": ("maxscript", "roff", "unix assembly"), "nl": ("newlisp", "nl"), "php": ("php", "hack"),
    "pl": ("perl", "prolog", "raku"), "plist": ("xml property list", "openstep property list"),
    "pm": ("perl", "raku", "x pixmap"), "pp": ("puppet", "pascal"), "pro": ("qmake", "prolog", "idl"),
    "q": ("hiveql", "q"), "r": ("r", "rebol"), "re": ("reason", "c++"), "rs": ("rust", "xml", "renderscript"),
    "s": ("unix assembly", "motorola 68k assembly"), "sc": ("scala", "supercollider"), "sch": ("scheme", "xml"),
    "scm": ("scheme", "tree-sitter query"), "sls": ("saltstack", "scheme"), "spec": ("rpm spec", "python", "ruby"),
    "sql": ("sql", "plpgsql", "plsql", "tsql", "sqlpl"), "st": ("smalltalk", "stringtemplate"),
    "t": ("perl", "raku", "turing"), "ts": ("typescript", "xml"), "tsx": ("typescript", "xml"),
    "v": ("verilog", "rocq prover", "v"), "yy": ("yacc", "json"),
}  # fmt: skip

# Whole names, in lower case.
_NAMES = {
    "alpine abuild": "apkbuild", "ant build system": "ant.xml build.xml",
    "apacheconf": ".htaccess apache2.conf httpd.conf", "cmake": "cmakelists.txt", "codeowners": "codeowners",
    "dockerfile": "dockerfile containerfile",
    "dotenv": ".env .env.example .env.sample .env.local .env.test .env.production .env.development",
    "editorconfig": ".editorconfig", "git attributes": ".gitattributes", "git config": ".gitconfig .gitmodules",
    "git revision list": ".git-blame-ignore-revs", "go checksums": "go.sum go.work.sum", "go module": "go.mod",
    "go workspace": "go.work", "gradle": "build.gradle settings.gradle",
    "gradle kotlin dsl": "build.gradle.kts settings.gradle.kts", "groovy": "jenkinsfile",
    "ignore list": ".gitignore .dockerignore .npmignore .eslintignore .prettierignore .stylelintignore "
    ".helmignore .hgignore .ignore .vscodeignore .gcloudignore .bzrignore .cvsignore "
    ".nodemonignore .babelignore .coffeelintignore .easignore",
    "ini": ".flake8 .coveragerc .pylintrc pylintrc .buckconfig buildozer.spec", "javascript": "jakefile",
    "json": ".all-contributorsrc .arcconfig .htmlhintrc .imgbotconfig .nycrc .tern-project .watchmanconfig "
    "composer.lock pipfile.lock mcmod.info flake.lock deno.lock package-lock.json .lintstagedrc "
    ".auto-changelog .c8rc .tern-config bun.lock",
    "json with comments": ".babelrc .jscsrc .jshintrc .jslintrc .swcrc .eslintrc.json tsconfig.json "
    "jsconfig.json api-extractor.json devcontainer.json language-configuration.json "
    "tslint.json .devcontainer.json",
    "just": "justfile .justfile", "m4sugar": "configure.ac",
    "makefile": "makefile gnumakefile kbuild makefile.am makefile.in makefile.inc makefile.boot makefile.sco "
    "makefile.wat bsdmakefile",
    "markdown": "contents.lr", "maven pom": "pom.xml", "meson": "meson.build meson_options.txt meson.options",
    "nginx": "nginx.conf", "npm config": ".npmrc", "option list": ".ackrc .rspec .yardopts",
    "perl": "cpanfile makefile.pl rexfile", "php": ".php_cs .php .php_cs.dist phakefile",
    "pip requirements": "requirements.txt requirements-dev.txt dev-requirements.txt", "procfile": "procfile",
    "python": "sconstruct sconscript wscript .gclient", "quake": "m3makefile", "r": ".rprofile expr-dist",
    "robots.txt": "robots.txt",
    "ruby": "gemfile rakefile capfile guardfile vagrantfile podfile fastfile dangerfile berksfile brewfile "
    "appraisals thorfile steepfile .irbrc .pryrc .simplecov buildfile mavenfile snapfile deliverfile "
    "puppetfile jarfile gymfile matchfile appfile scanfile",
    "shell": ".bashrc .bash_profile .bash_logout .bash_aliases .bash_functions .profile .zshrc .zprofile "
    ".zshenv .zlogin .envrc bashrc zshrc pkgbuild gradlew mvnw .login .kshrc .xinitrc .flaskenv",
    "snakemake": "snakefile", "starlark": "build.bazel build workspace workspace.bazel module.bazel buck tiltfile",
    "text": "license copying notice authors copyright contributors install news changes changelog readme "
    "license-mit license-apache copying.lesser thanks todo history unlicense keep.me py.typed "
    "click.me delete.me read.me test.me package.mask package.use.mask fontlog version",
    "toml": "cargo.lock pipfile poetry.lock uv.lock gopkg.lock pdm.lock cargo.toml.orig mamba.lock mise.lock",
    "vim script": ".vimrc vimrc _vimrc .gvimrc .nvimrc .exrc",
    "xml": "nuget.config app.config web.config web.debug.config web.release.config packages.config .classpath "
    ".project .cproject",
    "yaml": ".clang-format .clang-tidy .clangd .gemrc citation.cff glide.lock pubspec.lock .prettierrc "
    ".stylelintrc pixi.lock yarn.lock",
}  # fmt: skip
# Names that begin so, in lower case, where nothing else tells.
PREFIXES = (
    ("dockerfile.", "dockerfile"), ("containerfile.", "dockerfile"), ("makefile.", "makefile"), (".env.", "dotenv"),
    ("license", "text"), ("licence", "text"), ("copying", "text"), ("readme", "text"), ("pkg-info", "text"),
)  # fmt: skip

# Last path component of a "#!" line's command, without a version: language.
_INTERPRETERS = {
    "applescript": "osascript", "awk": "awk gawk mawk nawk", "c": "tcc", "clojure": "bb clojure",
    "coffeescript": "coffee", "common lisp": "sbcl clisp ccl lisp ecl", "crystal": "crystal", "d": "rdmd",
    "dart": "dart", "elixir": "elixir iex", "erlang": "escript", "fish": "fish", "gnuplot": "gnuplot",
    "groovy": "groovy", "haskell": "runghc runhaskell runhugs stack", "java": "java jbang",
    "javascript": "node nodejs js gjs rhino d8 qjs zx", "julia": "julia", "just": "just", "kotlin": "kotlin kotlinc",
    "lua": "lua luajit texlua", "makefile": "make gmake", "nextflow": "nextflow", "nushell": "nu",
    "ocaml": "ocaml ocamlrun ocamlscript", "perl": "perl cperl", "php": "php", "powershell": "pwsh",
    "prolog": "swipl gprolog yap", "python": "python pypy uv ipython micropython jython", "r": "rscript r",
    "racket": "racket", "raku": "raku rakudo perl6", "ruby": "ruby jruby rbx macruby mruby rake",
    "scala": "scala scala-cli amm", "scheme": "guile chicken csi gosh scheme chez", "sed": "sed gsed minised ssed",
    "shell": "sh bash dash zsh ksh ash mksh pdksh rc bats busybox", "swift": "swift", "tcl": "tclsh wish expect",
    "tcsh": "tcsh csh", "typescript": "deno ts-node tsx bun", "vala": "vala",
}  # fmt: skip

# Names by which editors' modelines call a language, where they are not the language's own.
ALIASES = {
    "asm": "assembly", "bash": "shell", "c++": "c++", "cfg": "ini", "conf": "ini", "coq": "rocq prover",
    "cplusplus": "c++", "cpp": "c++", "cs": "c#", "csharp": "c#", "dosini": "ini", "elisp": "emacs lisp",
    "emacs-lisp": "emacs lisp", "eruby": "html+erb", "f90": "fortran free form", "fortran": "fortran", "fsharp": "f#",
    "golang": "go", "help": "vim help file", "htmldjango": "jinja", "idlang": "idl", "javascriptreact": "javascript",
    "jinja": "jinja", "js": "javascript", "latex": "tex", "lisp": "common lisp", "make": "makefile",
    "nasm": "assembly", "nxml": "xml", "objc": "objective-c", "octave": "matlab", "plaintex": "tex",
    "prolog": "prolog", "proto": "protocol buffer", "ps1": "powershell", "py": "python", "rb": "ruby",
    "rst": "restructuredtext", "sh": "shell", "shell-script": "shell", "systemverilog": "systemverilog", "tex": "tex",
    "text": "text", "ts": "typescript", "typescriptreact": "typescript", "vim": "vim script", "viml": "vim script",
    "yml": "yaml", "zsh": "shell",
}  # fmt: skip


def _inverted(table: dict[str, str]) -> dict[str, str]:
    return {name.lower(): language for language, names in table.items() for name in names.split()}


EXTENSIONS = {ending: language for ending, language in _inverted(_EXTENSIONS).items() if ending not in SHARED}
NAMES = _inverted(_NAMES)
INTERPRETERS = _inverted(_INTERPRETERS)
LANGUAGES = frozenset(_EXTENSIONS) | frozenset(_NAMES) | frozenset(_INTERPRETERS)
LANGUAGES |= {name for group in SHARED.values() for name in group}
