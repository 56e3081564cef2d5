"""Fakes of sbatch, squeue and scancel: an array job's elements run one after the other, as processes of this machine.

They are no Slurm: no queue, no limits, no nodes. What they hold is that a job script is run as it was submitted, each element
with its own SLURM_ARRAY_TASK_ID.
"""

from __future__ import annotations

import sys
from pathlib import Path

SBATCH = """#!{python}
import os, re, subprocess, sys
script = sys.stdin.read()
home = {home!r}
number = len([n for n in os.listdir(home) if n.endswith(".job")])
open(f"{{home}}/{{number}}.sh", "w").write(script)
open(f"{{home}}/{{number}}.job", "w").close()
last = int(re.search(r"^#SBATCH --array=0-(\\d+)", script, re.M).group(1))
die = os.environ.get("FAKE_SLURM_LOSES")
lines = [f"export SLURM_ARRAY_TASK_ID={{i}}; bash {{home}}/{{number}}.sh >> {{home}}/{{number}}-{{i}}.log 2>&1"
         for i in range(last + 1) if str(i) != die]
subprocess.Popen(["bash", "-c", "\\n".join([*lines, f"rm {{home}}/{{number}}.job", f"touch {{home}}/{{number}}.ended.job"])],
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)
print(f"{{number}};fake")
"""
SQUEUE = """#!{python}
import os, sys
job = sys.argv[-1]
if os.path.exists(f"{home}/{{job}}.job"):
    print(job)
else:
    sys.exit("slurm_load_jobs error: Invalid job id specified")
"""
SCANCEL = """#!{python}
import sys
open(f"{home}/cancelled", "a").write(sys.argv[-1] + "\\n")
"""


def install(folder: Path) -> Path:
    """Write the programs to `folder`/bin; what is submitted lies in `folder`, as 0.sh, 1.sh …"""
    bin_folder = folder / "bin"
    bin_folder.mkdir(parents=True)
    for name, program in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
        path = bin_folder / name
        path.write_text(program.format(python=sys.executable, home=str(folder)))
        path.chmod(0o755)
    return bin_folder
