// Damaged files: an error that says where, or what is left of the truth; never a figure that was
// not in the file, and never a crash.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/calibration/import/imported.hpp"

namespace limen::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<double> figures_of(const results::Measurement& m) {
  const auto* samples = std::get_if<results::Samples>(&m.outcome);
  return samples ? results::pooled(*samples) : std::vector<double>{};
}

// Every case of the part is one of the whole, and its figures are the first of that.
void expect_part(const results::Run& part, const results::Run& whole, const std::string& what) {
  for (const auto& m : part.measurements) {
    const auto in_part = figures_of(m), in_whole = figures_of(case_of(whole, name_of(m)));
    ASSERT_LE(in_part.size(), in_whole.size()) << what;
    for (std::size_t i = 0; i < in_part.size(); ++i) EXPECT_EQ(in_part[i], in_whole[i]) << what;
  }
}

TEST(ImportDamage, CutOffAnywhereIsAnErrorOrLess) {
  for (const Sample& s : all_samples()) {
    const results::Run whole = imported(s.text);
    const std::string& t = s.text;
    for (std::size_t size = 0; size < t.size(); ++size) {
      const bool line = size == 0 || t[size - 1] == '\n' || t[size] == '\n';
      if (!line && size % 41 != 0) continue;
      try {
        expect_part(imported(s.text.substr(0, size)), whole,
                    std::string(s.file) + " cut at " + std::to_string(size));
      } catch (const Error& e) {
        EXPECT_THAT(e.what(), HasSubstr("made.txt")) << s.file << " cut at " << size;
        EXPECT_EQ(e.code(), Exit::usage);
      }
    }
  }
}

TEST(ImportDamage, AnyLineMissingIsAnErrorOrLess) {
  for (const Sample& s : all_samples()) {
    for (std::size_t at = 0; at < s.text.size();) {
      const std::size_t end = s.text.find('\n', at) + 1;
      try {
        for (const auto& m : imported(s.text.substr(0, at) + s.text.substr(end)).measurements)
          for (const double x : figures_of(m)) EXPECT_GT(x, 0) << s.file;
      } catch (const Error&) {
      }
      at = end;
    }
  }
}

TEST(ImportDamage, GarbageNeverCrashesNorBecomesAFigureOfNoTime) {
  std::mt19937_64 random(20260102);
  int refused = 0;
  for (const Sample& s : all_samples()) {
    for (int trial = 0; trial < 40; ++trial) {
      std::string text = s.text;
      for (int i = 0; i <= trial % 4; ++i)
        text[random() % text.size()] = static_cast<char>(random());
      try {
        for (const auto& m : imported(text).measurements)
          for (const double x : figures_of(m)) EXPECT_TRUE(std::isfinite(x) && x > 0) << s.file;
      } catch (const Error& e) {
        EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(ImportDamage, WindowsLineEndsAndAByteOrderMarkChangeNothing) {
  for (const Sample& s : all_samples()) {
    std::string text = "\xEF\xBB\xBF";
    for (const char c : s.text) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    const results::Run run = imported(text);
    EXPECT_EQ(run.measurements.size(), s.cases) << s.file;
    expect_part(run, imported(s.text), s.file);
  }
}

TEST(ImportDamage, RowsTwiceAreVisits) {
  const results::Run run = imported(made_osu_latency + made_osu_latency);
  EXPECT_EQ(samples_of(run, "mpi.pingpong bytes=1024 ranks=2").visits.size(), 2u);
  EXPECT_EQ(run.measurements.size(), 2u);
}

// Where an error has to point after a replacement.
std::string place_of(const std::string& sample, const std::string& what) {
  const auto end = sample.begin() + static_cast<std::ptrdiff_t>(sample.find(what));
  std::string place = "made.txt:";
  return place.append(std::to_string(1 + std::count(sample.begin(), end, '\n'))).append(1, ':');
}

TEST(ImportDamage, FiguresThatNobodyCanMeasureAreRefusedWithTheirLine) {
  struct Figure {
    std::string sample, before, what;
  };
  for (const Figure& f : {Figure{made_gbench, "\"real_time\": ", "2.0e+02"},
                          {made_gbench, "\"real_time\": ", "4.0e+02"},
                          {made_nvbandwidth, "\"", "750.5"},
                          {made_nccl, " ", "12.50"},
                          {made_nccl_json, "\"time\":", "20.0"},
                          {made_osu_latency, " ", "1.25"},
                          {made_osu_full, " ", "410.00"},
                          {made_babelstream, " ", "0.00105"},
                          {made_babelstream_csv, ",", "0.00125"},
                          {made_stream, " ", "0.012000"},
                          {made_llama_json(), ", ", "2100000000"},
                          {made_llama_csv, "\"", "6400000000"},
                          {made_llama_markdown, " ", "20.00"}})
    for (const char* with :
         {"NaN", "nan", "inf", "-inf", "-1", "-0.5", "1e999", "1e300", "1e-300", "0x10", "1;5"})
      EXPECT_THAT(refusal(replaced(f.sample, f.before + f.what, f.before + with)),
                  StartsWith(place_of(f.sample, f.before + f.what)))
          << f.what << " -> " << with;
}

TEST(ImportDamage, SaysWhatIsWrongAndWhere) {
  struct Wrong {
    std::string sample, what, with, says;
  };
  const Wrong all[] = {
      {made_gbench, "\"ns\", \"bytes", "\"parsecs\", \"bytes",
       "benchmarks[0].time_unit: a unit of time that is none of"},
      {made_gbench, "\"iterations\": 1000,", "\"iterations\": 1, \"iterations\": 2,",
       "'iterations' stands twice"},
      {made_gbench, "\"num_cpus\": 4", "\"num_cpus\" 4", ":16: not JSON"},
      {made_nvbandwidth, "(GB/s)", "(furlongs)",
       "bandwidth_description: names neither GB/s nor ns"},
      {made_nccl, "(us)", "(ms)", "a unit that nccl-tests does not print: (ms)"},
      {made_nccl, "40.00", "400.0",
       "1048576 bytes in this time are 2.62 GB/s, but algbw says 26.21"},
      {made_nccl, "   0    13.00", "   13.00", "12 figures under 13 headings"},
      {made_nccl, "1048576        262144", "99999999999999999999 1", "expected a whole number"},
      {made_osu_full, "Max Latency(us)", "Med Latency(us)",
       "a column that OSU does not print: 'MedLatency(us)'"},
      {made_osu_full, "400.00", "400.00 1", ":1: 9 figures under 8 headings"},
      {made_osu_full, "Pass", "Maybe", "expected Pass or Fail"},
      {made_osu_latency, "0.50", "0.00", ":25: 0 is no figure"},
      {made_babelstream, "Triad  ", "Treed  ", ":1: no kernel of BabelStream: 'Treed'"},
      {made_babelstream, "MBytes/sec  Min", "Blobs/sec   Min", ":13: no unit of a rate"},
      {made_babelstream, "0.00150", "0.00300", "a figure is damaged"},
      {made_stream, "16000.0", "1600.0", "160000000 bytes at this rate take"},
      {made_llama_markdown, "pp512 ", "qq512 ", "no test of llama-bench: 'qq512'"},
      {made_llama_csv, "\"128\",\"0\",", "\"128\",", ":1: 17 cells under 18 headings"}};
  for (const Wrong& w : all)
    EXPECT_THAT(refusal(replaced(w.sample, w.what, w.with)),
                AllOf(StartsWith(place_of(w.sample, w.what)), HasSubstr(w.says)))
        << w.what;
  EXPECT_THAT(refusal(replaced(made_llama_json(), "\"n_gen\": 0", "\"n_gem\": 0")),
              HasSubstr("[0]: 'n_gen' is missing"));
  EXPECT_THAT(refusal(replaced(made_nvbandwidth, "\"testcases\"", "\"other\"")),
              HasSubstr("'testcases' is missing"));
  EXPECT_THAT(refusal(replaced(made_osu_latency, "# Size       Avg Latency(us)\n", "")),
              HasSubstr("a figure above the line that says what it is"));
}

TEST(ImportDamage, WhatIsNoBenchmarkIsSaidSo) {
  EXPECT_EQ(refusal(""), "made.txt: empty; the benchmark wrote nothing");
  EXPECT_EQ(refusal(" \r\n\n"), "made.txt: empty; the benchmark wrote nothing");
  EXPECT_THAT(refusal("hello\n"), HasSubstr("not recognised as the output of any of gbench, "));
  EXPECT_THAT(refusal("# OSU MPI Latency Test v7.4\n"), HasSubstr("holds no row of figures"));
  EXPECT_THAT(refusal("# OSU MPI Allgather Latency Test v7.4\n# Size       Avg Latency(us)\n"
                      "4611686018427387904  2.50\n"),
              HasSubstr("are no vector"));
  EXPECT_THAT(refusal(made_osu_latency + "2048  2.5"), HasSubstr(":7: the last line has no end"));
  EXPECT_THAT(refusal("{\"context\":" + std::string(100000, '[') + "\"benchmarks\""),
              HasSubstr("nested too deeply"));
}

TEST(ImportDamage, AWrongResultVoidsItsCase) {
  const results::Run osu = imported(replaced(made_osu_full, "Pass", "Fail"));
  EXPECT_TRUE(std::holds_alternative<results::Invalid>(
      case_of(osu, "mpi.allreduce bytes=4 ranks=4").outcome));
  const results::Run nccl = imported(replaced(made_nccl, " 0.15       0", " 0.15       7"));
  EXPECT_TRUE(std::holds_alternative<results::Invalid>(nccl.measurements[0].outcome));
}

}  // namespace
}  // namespace limen::tests
