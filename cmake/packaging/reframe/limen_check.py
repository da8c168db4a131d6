# ReFrame checks of a node with limen: that the program answers, and what the node's memory and
# arithmetic reach. `reframe -c limen_check.py -r` runs them on every partition that is configured;
# the folders of the runs, gathered, are what `limen fleet` takes.
import reframe as rfm
import reframe.utility.sanity as sn


class LimenTest(rfm.RunOnlyRegressionTest):
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    modules = ["limen"]
    executable = "limen"
    num_tasks = 1
    exclusive_access = True


@rfm.simple_test
class LimenPredicts(LimenTest):
    descr = "The model answers"
    executable_opts = ["predict", "--model", "llama-3.1-8b", "--machine", "h100-8"]

    @sanity_function
    def names_the_limit(self):
        return sn.assert_found(r"memory bandwidth", self.stdout)


@rfm.simple_test
class LimenNode(LimenTest):
    descr = "What a node reaches"
    executable_opts = ["probe", "memory", "compute", "--quick", "-o", "run"]
    postrun_cmds = ["limen fleet run --csv -o figures.csv"]
    keep_files = ["run", "figures.csv"]

    @sanity_function
    def measured(self):
        return sn.assert_found(r",memory\.stream,", "figures.csv")

    # Rows of figures.csv: cpu,gpu,rack,host,probe,parameters,unit,value,...; by size, so that the
    # last of a kind is the largest working set with all threads.
    @performance_function("GB/s")
    def memory_read(self):
        return sn.extractsingle(
            r",memory\.stream,bytes=\d+ kernel=read threads=\d+,B/s,([-+.e0-9]+),",
            "figures.csv", 1, float, item=-1) / 1e9

    @performance_function("GFLOP/s")
    def fp64(self):
        return sn.extractsingle(
            r",compute\.fma,threads=\d+ type=fp64,FLOP/s,([-+.e0-9]+),",
            "figures.csv", 1, float, item=-1) / 1e9
