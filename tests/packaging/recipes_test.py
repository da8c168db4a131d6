"""recipes_test.py SOURCE: the Spack recipe and the ReFrame check, as far as they can be checked here."""
import ast
import pathlib
import re
import shutil
import subprocess
import sys

source = pathlib.Path(sys.argv[1])
packaging = source / "cmake/packaging"


def calls(tree, name):
    return [c for c in ast.walk(tree) if isinstance(c, ast.Call) and getattr(c.func, "id", "") == name]


recipe = ast.parse((packaging / "spack/package.py").read_text())
classes = [n.name for n in recipe.body if isinstance(n, ast.ClassDef)]
assert classes == ["Limen"], classes
depends = {re.match(r"[\w-]+", c.args[0].value)[0] for c in calls(recipe, "depends_on")}
# Every package that packages.txt builds with has its counterpart in the recipe.
spack_names = {"fmt": "fmt", "CLI11": "cli11", "nlohmann_json": "nlohmann-json", "tomlplusplus": "tomlplusplus",
               "Eigen3": "eigen", "benchmark": "benchmark", "hwy": "highway", "hwloc": "hwloc", "MPI": "mpi"}
for row in (source / "packages.txt").read_text().splitlines():
    if row.startswith("#") or not row.strip():
        continue
    package, when, cmake_name = row.split()[:3]
    if when == "build" and cmake_name != "-":
        assert spack_names[cmake_name] in depends, f"the recipe lacks {package}"
# Its version and its options are those of CMakeLists.txt.
cmake = (source / "CMakeLists.txt").read_text()
version = re.search(r"project\(limen VERSION ([\d.]+)", cmake)[1]
assert version in [c.args[0].value for c in calls(recipe, "version")], version
for option in ("LIMEN_MPI", "LIMEN_HWLOC", "LIMEN_CUDA", "LIMEN_TESTS"):
    assert option in cmake
if shutil.which("spack"):
    subprocess.run(["spack", "python", str(packaging / "spack/package.py")], check=True)

check = packaging / "reframe/limen_check.py"
tests = [n for n in ast.parse(check.read_text()).body if isinstance(n, ast.ClassDef)]
assert [t.name for t in tests] == ["LimenTest", "LimenPredicts", "LimenNode"]
if shutil.which("reframe"):
    listed = subprocess.run(["reframe", "-c", str(check), "-l"], check=True, capture_output=True, text=True).stdout
    assert "LimenPredicts" in listed and "LimenNode" in listed, listed
else:
    print("ReFrame is not here: syntax alone was checked")
