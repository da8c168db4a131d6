// Files in the forms of other tools, for tests. Every figure in them is made up: nobody measured
// it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace limen::tests {

// A sample, and how many cases it holds.
struct Sample {
  const char *file, *format;
  std::string text;
  std::size_t cases;
};

inline const std::string made_gbench = R"({
  "context": {
    "date": "2026-01-02T03:04:05+00:00",
    "host_name": "made-host",
    "executable": "./made_benchmark",
    "num_cpus": 4,
    "library_build_type": "release"
  },
  "benchmarks": [
    {"name": "BM_made/bytes:4096", "run_name": "BM_made/bytes:4096", "run_type": "iteration",
     "repetitions": 2, "repetition_index": 0, "threads": 1, "iterations": 1000,
     "real_time": 2.0e+02, "cpu_time": 1.0e+02, "time_unit": "ns", "bytes_per_second": 4.096e+10},
    {"name": "BM_made/bytes:4096", "run_name": "BM_made/bytes:4096", "run_type": "iteration",
     "repetitions": 2, "repetition_index": 1, "threads": 1, "iterations": 1000,
     "real_time": 4.0e+02, "cpu_time": 1.0e+02, "time_unit": "ns", "bytes_per_second": 4.096e+10},
    {"name": "BM_made/bytes:4096_mean", "run_name": "BM_made/bytes:4096", "run_type": "aggregate",
     "aggregate_name": "mean", "iterations": 2,
     "real_time": 3.0e+02, "cpu_time": 1.0e+02, "time_unit": "ns"},
    {"name": "BM_other/8/real_time_median", "run_name": "BM_other/8/real_time", "run_type": "aggregate",
     "aggregate_name": "median", "iterations": 3,
     "real_time": 5.0e+00, "cpu_time": 1.0e+00, "time_unit": "us", "bytes_per_second": 2.0e+09},
    {"name": "BM_broken", "run_name": "BM_broken", "run_type": "iteration", "threads": 1,
     "error_occurred": true, "error_message": "made to fail", "iterations": 0,
     "real_time": 0.0, "cpu_time": 0.0, "time_unit": "ns"}
  ]
}
)";

inline const std::string made_nvbandwidth = R"made({
   "nvbandwidth" : {
      "CUDA Runtime Version" : 12000,
      "Driver Version" : "made",
      "GPU Device list" : [ "0: Made GPU (00000000:01:00): (made-host)" ],
      "git_version" : "made",
      "testcases" : [
         {
            "bandwidth_description" : "memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)",
            "bandwidth_matrix" : [ [ "N/A", "250" ], [ "200", "N/A" ] ],
            "name" : "device_to_device_memcpy_read_ce",
            "status" : "Passed",
            "sum" : 450.0
         },
         {
            "bandwidth_description" : "memory latency SM CPU(row) <-> GPU(column) (ns)",
            "bandwidth_matrix" : [ [ "750.5" ] ],
            "name" : "host_device_latency_sm",
            "status" : "Passed"
         },
         {
            "name" : "multinode_device_to_device_memcpy_read_ce",
            "status" : "Waived"
         }
      ],
      "version" : "v0.8"
}
}
)made";

inline const std::string made_nccl =
    R"(# nccl-tests version 2.17.4 nccl-headers=22800 nccl-library=22800
# Collective test starting: all_reduce_perf
# nThread 1 nGpus 4 minBytes 1024 maxBytes 1048576 step: 32(factor) warmup iters: 5 iters: 20 agg iters: 1 validation: 1 graph: 0
#
# Using devices
#  Rank  0 Group  0 Pid   1000 on  made-host device  0 [0000:01:00] Made GPU
#  Rank  1 Group  0 Pid   1000 on  made-host device  1 [0000:02:00] Made GPU
#  Rank  2 Group  0 Pid   1000 on  made-host device  2 [0000:03:00] Made GPU
#  Rank  3 Group  0 Pid   1000 on  made-host device  3 [0000:04:00] Made GPU
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)             (us)  (GB/s)  (GB/s)
        1024           256     float     sum      -1    10.00    0.10    0.15       0    11.00    0.09    0.14       0
       32768          8192     float     sum      -1    12.50    2.62    3.93       0    13.00    2.52    3.78       0
     1048576        262144     float     sum      -1    40.00   26.21   39.32       0    41.00   25.58   38.36     N/A
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 12
#
# Collective test concluded: all_reduce_perf
)";

inline const std::string made_nccl_json = R"({"version":1,"start_time":"2026-01-02T03:04:05Z",
"args":["/made/build/all_reduce_perf","-b","1K"],"env":["SECRET=made"],"nccl_version":22800,
"config":{"nthreads":1,"ngpus":2,"iterations":20,"graph":1,
"devices":[{"rank":0,"device_info":"Made GPU"},{"rank":1,"device_info":"Made GPU"}]},
"results":[
{"size":1024,"count":256,"type":"float","redop":"sum","root":"    -1",
"out_of_place":{"time":10.0,"alg_bw":0.1024,"bus_bw":0.1024,"nwrong":0.0},
"in_place":{"time":11.0,"alg_bw":0.0931,"bus_bw":0.0931,"nwrong":null},
"out_of_place_per_iter":{"skipped_iterations":1,"times_us":[99.0,9.0,10.0,11.0]}},
{"size":2048,"count":512,"type":"float","redop":"sum","root":"    -1",
"out_of_place":{"time":20.0,"alg_bw":0.1024,"bus_bw":0.1024,"nwrong":3.0}}
],"errors":[]}
)";

inline const std::string made_osu_latency = R"(
# OSU MPI Latency Test v7.4
# Datatype: MPI_CHAR.
# Size       Avg Latency(us)
1                       0.50
1024                    1.25
)";

inline const std::string made_osu_full = R"(# OSU MPI Allreduce Latency Test v7.4
# Datatype: MPI_INT.
# Size       Avg Latency(us)     Min Latency(us)     Max Latency(us)  Iterations          Validation    P50 Tail Lat(us)    P99 Tail Lat(us)
4                       2.00                1.50                2.50        1000                Pass                1.90                9.00
1048576               400.00              390.00              410.00         100                Pass              395.00              900.00
)";

inline const std::string made_osu_bandwidth = R"(# OSU MPI Bi-Directional Bandwidth Test v7.4
# Datatype: MPI_CHAR.
# Size        Bandwidth (MB/s)
1                         4.00
4096                   8192.00
)";

inline const std::string made_osu_nonblocking =
    R"(# OSU MPI Non-blocking Allreduce Latency Test v7.4
# Overall = Coll. Init + Compute + MPI_Test + MPI_Wait

# Datatype: MPI_INT.
# Size           Overall(us)         Compute(us)      Pure Comm.(us)          Overlap(%)
4                       5.00                2.00                2.50                0.00
)";

inline const std::string made_osu_barrier = R"(# OSU MPI Barrier Latency Test v7.4
# Avg Latency(us)
             3.25
)";

inline const std::string made_babelstream = R"(BabelStream
Version: 5.0
Implementation: CUDA
Running kernels 101 times
Precision: double
Array size: 268.4 MB (=0.3 GB)
Total size: 805.3 MB (=0.8 GB)
Using CUDA device Made GPU
Init: 0.5 s (=1610.6 MBytes/sec)
Read: 0.25 s (=3221.2 MBytes/sec)
Function    MBytes/sec  Min (sec)   Max         Average
Copy        536870.912  0.00100     0.00125     0.00110
Mul         536870.912  0.00100     0.00125     0.00110
Add         536870.912  0.00150     0.00175     0.00160
Triad       536870.912  0.00150     0.00175     0.00160
Dot         536870.912  0.00100     0.00120     0.00105
)";

inline const std::string made_babelstream_csv =
    "phase,n_elements,sizeof,max_mibytes_per_sec,runtime\n"
    "Init,1048576,8,48000,0.0005\n"
    "function,num_times,n_elements,sizeof,max_mibytes_per_sec,min_runtime,max_runtime,avg_runtime\n"
    "Copy,100,1048576,8,16000,0.001,0.003,0.002\n"
    "Dot,100,1048576,8,16000,0.001,0.003,0.00125\n";

inline const std::string made_stream =
    R"(-------------------------------------------------------------
STREAM version $Revision: 5.10 $
-------------------------------------------------------------
This system uses 8 bytes per array element.
-------------------------------------------------------------
Array size = 10000000 (elements), Offset = 0 (elements)
Each kernel will be executed 11 times.
Number of Threads requested = 4
Number of Threads counted = 4
-------------------------------------------------------------
Function    Best Rate MB/s  Avg time     Min time     Max time
Copy:           16000.0     0.011000     0.010000     0.015000
Scale:          16000.0     0.011000     0.010000     0.015000
Add:            24000.0     0.012000     0.010000     0.015000
Triad:          24000.0     0.012000     0.010000     0.015000
-------------------------------------------------------------
Solution Validates: avg error less than 1.000000e-13 on all three arrays
)";

inline const std::string made_llama_object =
    R"("build_commit": "made0000", "build_number": 1234, "cpu_info": "Made CPU", "gpu_info": "",
"backends": "CPU", "model_filename": "/home/made/models/made-Q4_0.gguf", "model_type": "llama 1B Q4_0",
"model_size": 1073741824, "model_n_params": 1250000000, "n_batch": 2048, "n_ubatch": 512,
"n_threads": 4, "type_k": "f16", "type_v": "f16", "n_gpu_layers": -1, "flash_attn": false,
"test_time": "2026-01-02T03:04:05Z", )";
inline const std::string made_llama_tests[] = {
    R"("n_prompt": 512, "n_gen": 0, "n_depth": 0, "avg_ns": 2000000000, "stddev_ns": 0,
"samples_ns": [ 1900000000, 2100000000 ], "samples_ts": [ 269.5, 243.8 ])",
    R"("n_prompt": 0, "n_gen": 128, "n_depth": 4096, "avg_ns": 6400000000, "stddev_ns": 0,
"samples_ns": [ 6400000000, 6400000000, 12800000000 ], "samples_ts": [ 20.0, 20.0, 10.0 ])"};
inline std::string made_llama_json() {
  std::string text;
  for (const std::string& test : made_llama_tests) {
    text += text.empty() ? "[\n  {\n" : ",\n  {\n";
    text += made_llama_object + test + "\n  }";
  }
  return text + "\n]\n";
}
inline std::string made_llama_jsonl() {
  std::string lines;
  for (const std::string& test : made_llama_tests) {
    std::string line = made_llama_object + test;
    std::replace(line.begin(), line.end(), '\n', ' ');
    lines += '{';
    lines += line + "}\n";
  }
  return lines;
}
inline const std::string made_llama_csv =
    "build_commit,build_number,cpu_info,gpu_info,backends,model_filename,model_type,model_size,"
    "model_n_params,n_threads,n_prompt,n_gen,n_depth,test_time,avg_ns,stddev_ns,avg_ts,stddev_ts\n"
    "\"made0000\",\"1234\",\"Made \"\"quoted\"\" CPU, 4 cores\",\"\",\"CPU\",\"made.gguf\","
    "\"llama 1B Q4_0\",\"1073741824\",\"1250000000\",\"4\",\"0\",\"128\",\"0\","
    "\"2026-01-02T03:04:05Z\",\"6400000000\",\"0\",\"20.0\",\"0.0\"\n";
inline const std::string made_llama_markdown = R"(made log line
| model                          |       size |     params | backend    | threads |            test |                  t/s |
| ------------------------------ | ---------: | ---------: | ---------- | ------: | --------------: | -------------------: |
| llama 1B Q4_0                  |   1.00 GiB |     1.25 B | CPU        |       4 |           pp512 |        256.00 ± 1.00 |
| llama 1B Q4_0                  |   1.00 GiB |     1.25 B | CPU        |       4 |   tg128 @ d4096 |         20.00 ± 0.10 |
| llama 1B Q4_0                  | 512.00 MiB |   125.00 M | CPU        |       4 |      pp512+tg64 |         57.60 ± 0.10 |

build: made0000 (1234)
)";

// With the number of ranks given as 4.
inline const std::vector<Sample>& all_samples() {
  static const std::vector<Sample> all = {
      {"gbench.json", "gbench", made_gbench, 3},
      {"nvbandwidth.json", "nvbandwidth", made_nvbandwidth, 4},
      {"nccl.txt", "nccl-tests", made_nccl, 6},
      {"nccl.json", "nccl-tests", made_nccl_json, 3},
      {"osu-latency.txt", "osu", made_osu_latency, 2},
      {"osu-full.txt", "osu", made_osu_full, 10},
      {"osu-bandwidth.txt", "osu", made_osu_bandwidth, 2},
      {"osu-nonblocking.txt", "osu", made_osu_nonblocking, 3},
      {"osu-barrier.txt", "osu", made_osu_barrier, 1},
      {"babelstream.txt", "babelstream", made_babelstream, 17},
      {"babelstream.csv", "babelstream", made_babelstream_csv, 7},
      {"stream.txt", "stream", made_stream, 12},
      {"llama.json", "llama-bench", made_llama_json(), 2},
      {"llama.jsonl", "llama-bench", made_llama_jsonl(), 2},
      {"llama.csv", "llama-bench", made_llama_csv, 1},
      {"llama.md", "llama-bench", made_llama_markdown, 3}};
  return all;
}

}  // namespace limen::tests
