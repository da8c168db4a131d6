// A run in the forms that other tools read. Only what was measured is written, and never a number
// that is none.
#pragma once

#include <string>

#include "results/store.hpp"

namespace limen::results {

std::string to_gbench(
    const Run& run);  // Google Benchmark's JSON: every sample a repetition, for tools/compare.py
std::string to_csv(const Run& run);     // one row a sample
std::string to_stream(const Run& run);  // STREAM's table, of the largest arrays with all threads; a
                                        // time is a visit's median
std::string to_osu(
    const Run& run);  // the OSU benchmarks' tables, of the collectives and the ping-pong
std::string to_nccl_tests(const Run& run);  // those of nccl-tests, out of place

}  // namespace limen::results
