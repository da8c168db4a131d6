// Published tables as they are passed around -> the compact ones that are committed.
//
// A compact table keeps what was measured and under which conditions, drops what follows from it
// (rates, FLOP counts), and names the provenance of each row by its number in provenance.csv, where
// the source, its revision and licence, the file in it and the note stand once.
#pragma once

#include <map>
#include <string>

namespace limen::calibration {

// The text of each file to write, by its name: memory.csv, products.csv, attention.csv,
// all_reduce.csv, decode.csv and provenance.csv. `folder` holds microbenchmarks.csv, gemv_gemm.csv,
// attention_decode.csv, allreduce.csv, decode.csv (each optional) and sources.csv. Every row is
// read as calibration will read it, so that a malformed one is an Error with its line and nothing
// is written.
std::map<std::string, std::string> compact_published(const std::string& folder);

}  // namespace limen::calibration
