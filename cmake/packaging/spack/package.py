# Spack recipe of limen: a repository of recipes holds it as packages/limen/package.py.
from spack.package import *


class Limen(CMakePackage, CudaPackage):
    """Measures what a machine can do and says how fast it can decode a large language model: probes
    of memory, arithmetic and synchronization, a fit, and an analytic model with intervals."""

    git = "https://github.com/limen-project/limen.git"

    maintainers("limen")

    version("main", branch="main")
    version("0.1.0", tag="v0.1.0")

    variant("mpi", default=True, description="Collectives between ranks")
    variant("hwloc", default=True, description="Topology and binding")

    depends_on("cxx", type="build")
    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("git", type="build")
    depends_on("googletest", type="test")

    depends_on("fmt@9:")
    depends_on("cli11@2:")
    depends_on("nlohmann-json@3.11:")
    depends_on("tomlplusplus@3.3:")
    depends_on("eigen@3.4:")
    depends_on("benchmark@1.7:")
    depends_on("highway@1:")
    depends_on("mpi", when="+mpi")
    depends_on("hwloc@2:", when="+hwloc")
    depends_on("cuda@12:", when="+cuda")

    generator("ninja")

    conflicts("%gcc@:11", msg="limen is C++20")
    conflicts("%clang@:13", msg="limen is C++20")

    def cmake_args(self):
        args = [
            self.define_from_variant("LIMEN_" + part.upper(), part)
            for part in ("mpi", "hwloc", "cuda")
        ]
        args.append(self.define("LIMEN_TESTS", self.run_tests))
        if "+cuda" in self.spec and self.spec.variants["cuda_arch"].value[0] != "none":
            args.append(
                self.define("LIMEN_CUDA_ARCHITECTURES", self.spec.variants["cuda_arch"].value)
            )
        return args

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_install(self):
        limen = Executable(self.prefix.bin.limen)
        limen("--version")
        limen("predict", "--model", "llama-3.1-8b", "--machine", "h100-8")
