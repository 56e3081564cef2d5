"""Names, in English and Chinese, of what the graph of installed packages is made of."""

from __future__ import annotations

# relation -> (English, Chinese)
RELATIONS = {
    "type": ("is a", "是一种"),
    "requires": ("requires", "依赖"),
    "suggests": ("optionally requires", "可选依赖"),
    "author": ("author", "作者"),
    "maintainer": ("maintainer", "维护者"),
    "license": ("licence", "许可证"),
    "topic": ("topic", "主题"),
    "broader": ("broader topic", "上级主题"),
    "audience": ("intended audience", "目标用户"),
    "status": ("development status", "开发状态"),
    "supports_python": ("supports Python version", "支持的 Python 版本"),
    "minimum_python": ("oldest supported Python version", "支持的最低 Python 版本"),
    "programming_language": ("programming language", "编程语言"),
    "operating_system": ("operating system", "操作系统"),
    "framework": ("framework", "框架"),
    "keyword": ("keyword", "关键词"),
    "command": ("provides the command", "提供的命令"),
    "module": ("provides the module", "提供的模块"),
    "host": ("hosted on", "托管网站"),
    "account": ("hosted under the account", "托管账号"),
    "build_backend": ("built with", "构建工具"),
    "version": ("version", "版本"),
    "file_count": ("number of files", "文件数"),
    "size": ("size in bytes", "字节数"),
    "module_count": ("number of Python modules", "Python 模块数"),
}
TYPES = {
    "package": ("package", "软件包"),
    "person": ("person", "人"),
    "team": ("team or organisation", "团队或组织"),
    "license": ("software licence", "软件许可证"),
    "topic": ("topic", "主题"),
    "audience": ("audience", "用户群体"),
    "status": ("development status", "开发状态"),
    "python": ("Python version", "Python 版本"),
    "language": ("programming language", "编程语言"),
    "system": ("operating system", "操作系统"),
    "framework": ("framework", "框架"),
    "keyword": ("keyword", "关键词"),
    "command": ("command", "命令"),
    "module": ("Python module", "Python 模块"),
    "host": ("website", "网站"),
    "account": ("account on a code host", "代码托管账号"),
}
# Chinese names of values of classifiers, where these are words and not names.
VALUES = {
    "Developers": "开发者", "Science/Research": "科研人员", "System Administrators": "系统管理员",
    "Information Technology": "信息技术人员", "End Users/Desktop": "桌面用户", "Education": "教育工作者",
    "Financial and Insurance Industry": "金融保险业", "Healthcare Industry": "医疗行业", "Telecommunications Industry": "电信业",
    "Customer Service": "客服人员", "Legal Industry": "法律行业", "Manufacturing": "制造业", "Other Audience": "其他用户",
    "Planning": "规划", "Pre-Alpha": "预览", "Alpha": "内部测试", "Beta": "公开测试",
    "Production/Stable": "生产/稳定", "Mature": "成熟", "Inactive": "停止维护",
    "OS Independent": "与操作系统无关", "Software Development": "软件开发", "Scientific/Engineering": "科学/工程",
    "Artificial Intelligence": "人工智能", "Mathematics": "数学", "Information Analysis": "信息分析", "Physics": "物理学",
    "Bio-Informatics": "生物信息学", "Visualization": "可视化", "Libraries": "程序库", "Python Modules": "Python 模块库",
    "Internet": "互联网", "Text Processing": "文本处理", "Utilities": "实用工具", "System": "系统", "Database": "数据库",
    "Security": "安全", "Cryptography": "密码学", "Testing": "测试", "Build Tools": "构建工具", "Linguistic": "语言学",
    "Compilers": "编译器", "Interpreters": "解释器", "Debuggers": "调试器", "Documentation": "文档", "Multimedia": "多媒体",
    "Graphics": "图形", "Networking": "网络", "Monitoring": "监控", "Archiving": "归档", "Compression": "压缩",
    "Logging": "日志", "Distributed Computing": "分布式计算", "Quality Assurance": "质量保证", "Office/Business": "办公/商务",
    "Communications": "通信", "Markup": "标记语言", "General": "通用", "Application Frameworks": "应用框架",
    "Code Generators": "代码生成器", "Human Machine Interfaces": "人机界面", "Printing": "打印", "Games/Entertainment": "游戏/娱乐",
}  # fmt: skip
# Names of installed licences that are not their SPDX identifiers.
LICENSE_NAMES = {
    "MIT License": "MIT", "Apache Software License": "Apache-2.0", "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense", "BSD License": "BSD", "GNU General Public License v2 or later (GPLv2+)":
    "GPL-2.0-or-later", "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only", "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0", "apache2": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0", "mit license": "MIT", "the mit license": "MIT", "bsd-3-clause license":
    "BSD-3-Clause", "bsd 3-clause license": "BSD-3-Clause", "bsd 3-clause": "BSD-3-Clause", "new bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause", "the bsd 2-clause license": "BSD-2-Clause", "psf": "PSF-2.0", "psfl": "PSF-2.0",
    "psf license": "PSF-2.0", "isc license": "ISC", "mpl 2.0": "MPL-2.0", "lgpl": "LGPL", "public domain": "Public-Domain",
}  # fmt: skip
