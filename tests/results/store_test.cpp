#include "results/store.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <limits>

#include "model/error.hpp"
#include "results/records.hpp"
#include "tests/results/made_runs.hpp"

namespace limen::results {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tests::Folder;
using tests::slurp;
using tests::spill;

const model::Work work{model::bytes(4096.0), model::bytes(512.0), model::flops(1024.0)};
const Parameters small{{"bytes", std::int64_t{4096}}, {"kernel", std::string("read")}};
const Parameters large{{"bytes", std::int64_t{1} << 40}, {"kernel", std::string("read")}};

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// Two visits of one case, one of another, verdicts.
void write_small_run(const fs::path& at) {
  RunWriter w = RunWriter::create(at, Provenance{});
  w.visit("memory.stream", small, work, {0.5, 10, {1e-6, 1.5e-6}, {0, stolen | late_start}});
  w.visit("memory.stream", large, work, {1.5, 1, {0.25}, {}});
  w.visit("memory.stream", small, work, {2.5, 10, {2e-6}, {0}});
  w.verdict("memory.stream", small, work, Samples{{}, "settled"});
  w.verdict("compute.fma", {}, {}, Skipped{"no such unit"});
}

TEST(Store, GivesBackWhatItWasGiven) {
  const Folder folder;
  Provenance p;
  p.host = "node\xff";  // not UTF-8: stored with a replacement, not refused
  p.arguments = {"limen", "probe"};
  p.processing_units = {0, 3};
  p.seed = ~std::uint64_t{0};
  p.cpu_limit = 1.5;
  RunWriter::create(folder / "a", p).visit("x", {}, work, {0.1, 3, {1.0 / 3}, {}});
  const results::Run run = load_run(folder / "a");
  EXPECT_EQ(run.provenance.host, "node\xEF\xBF\xBD");
  EXPECT_EQ(run.provenance.arguments, p.arguments);
  EXPECT_EQ(run.provenance.processing_units, p.processing_units);
  EXPECT_EQ(run.provenance.seed, p.seed);
  EXPECT_EQ(run.provenance.cpu_limit, 1.5);
  ASSERT_THAT(run.measurements, SizeIs(1));
  const auto& samples = std::get<Samples>(run.measurements[0].outcome);
  EXPECT_EQ(samples.stop, "interrupted");  // no verdict came
  EXPECT_EQ(samples.visits[0].seconds[0], 1.0 / 3);
  EXPECT_EQ(samples.visits[0].inner, 3);
  EXPECT_EQ(run.measurements[0].work.read, model::bytes(4096.0));
  EXPECT_EQ(run.measurements[0].work.flops, model::flops(1024.0));
}

TEST(Store, JoinsVisitsAndKeepsMarks) {
  const Folder folder;
  write_small_run(folder / "a");
  const results::Run run = load_run(folder / "a");
  EXPECT_THAT(run.warnings, IsEmpty());
  ASSERT_THAT(run.measurements, SizeIs(3));
  const auto& samples = std::get<Samples>(run.measurements[0].outcome);
  EXPECT_EQ(run.measurements[0].parameters, small);
  EXPECT_EQ(samples.stop, "settled");
  ASSERT_THAT(samples.visits, SizeIs(2));
  EXPECT_THAT(samples.visits[0].marks, ElementsAre(0, stolen | late_start));
  EXPECT_THAT(samples.visits[1].marks, ElementsAre(0));
  EXPECT_EQ(run.measurements[1].parameters, large);
  EXPECT_EQ(std::get<Skipped>(run.measurements[2].outcome).reason, "no such unit");
}

TEST(Store, InvalidVoidsSamplesAndALaterVerdictReplacesIt) {
  const Folder folder;
  RunWriter w = RunWriter::create(folder / "a", {});
  w.visit("x", {}, work, {0, 1, {1.0}, {}});
  w.verdict("x", {}, work, Invalid{"wrong result"});
  EXPECT_EQ(std::get<Invalid>(load_run(folder / "a").measurements[0].outcome).reason,
            "wrong result");
  w.visit("x", {}, work, {1, 1, {2.0}, {}});
  w.verdict("x", {}, work, Samples{{}, "settled"});
  const results::Run run = load_run(folder / "a");
  const auto& samples = std::get<Samples>(run.measurements[0].outcome);
  ASSERT_THAT(samples.visits, SizeIs(1));
  EXPECT_EQ(samples.visits[0].seconds[0], 2.0);
}

TEST(Store, AVerdictWithoutSamplesIsInvalid) {
  const Folder folder;
  RunWriter::create(folder / "a", {}).verdict("x", {}, work, Samples{{}, "time budget"});
  EXPECT_THAT(std::get<Invalid>(load_run(folder / "a").measurements[0].outcome).reason,
              HasSubstr("time budget"));
}

TEST(Store, RefusesSamplesThatAreNoTimes) {
  const Folder folder;
  RunWriter w = RunWriter::create(folder / "a", {});
  const double inf = std::numeric_limits<double>::infinity();
  for (double bad : {0.0, -1.0, inf, -inf, std::nan("")})
    EXPECT_THROW(w.visit("x", {}, work, {0, 1, {1.0, bad}, {}}), Error) << bad;
  EXPECT_THROW(w.visit("x", {}, work, {std::nan(""), 1, {1.0}, {}}), Error);
  EXPECT_THROW(w.visit("x", {}, {model::bytes(inf), {}, {}}, {0, 1, {1.0}, {}}), Error);
  EXPECT_THROW(w.visit("x", {}, work, {0, 1, {1.0}, {0, 0}}), Error);
  EXPECT_EQ(slurp(folder / "a/samples.jsonl"), "");
}

TEST(Store, RefusesToOverwriteARun) {
  const Folder folder;
  write_small_run(folder / "a");
  EXPECT_THAT(error_of([&] { RunWriter::create(folder / "a", {}); }),
              HasSubstr("holds a run already"));
  EXPECT_THAT(load_run(folder / "a").measurements, SizeIs(3));
}

// Cut at every byte, a run loses the line that was cut and nothing else, and can be appended to
// again.
TEST(Store, SurvivesACutAtEveryByte) {
  const Folder folder;
  write_small_run(folder / "a");
  const fs::path file = folder / "a/samples.jsonl";
  const std::string whole = slurp(file);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    spill(file, whole.substr(0, cut));
    const std::size_t lines = static_cast<std::size_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut), '\n'));
    const bool in_line = cut > 0 && whole[cut - 1] != '\n';
    const bool line_whole = in_line && whole[cut] == '\n';
    const results::Run run = load_run(folder / "a");
    EXPECT_EQ(run.warnings.size(), in_line && !line_whole ? 1u : 0u) << cut;
    const std::size_t complete = lines + line_whole;
    const std::size_t expected[] = {0, 1, 2, 2, 2, 3};
    EXPECT_EQ(run.measurements.size(), expected[complete]) << cut;
    if (complete >= 1) {
      EXPECT_EQ(std::get<Samples>(run.measurements[0].outcome).visits.size(),
                complete >= 3 ? 2u : 1u)
          << cut;
    }

    RunWriter::append_to(folder / "a").verdict("added", {}, work, Skipped{"late"});
    const results::Run after = load_run(folder / "a");
    EXPECT_THAT(after.warnings, IsEmpty()) << cut;
    EXPECT_EQ(after.measurements.size(), expected[complete] + 1) << cut;
  }
}

// Any one byte changed: an answer or an Error, never anything else. On the texts themselves, for
// speed.
TEST(Store, TakesDamageWithAnError) {
  const Folder folder;
  write_small_run(folder / "a");
  const std::string facts = slurp(folder / "a/run.json"), lines = slurp(folder / "a/samples.jsonl");
  const std::string line = lines.substr(0, lines.find('\n'));
  const auto damage = [](const std::string& whole, auto&& read) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (char c : {'\0', '"', '{', ']', '9', '-', '\n', '\xff'}) {
        std::string damaged = whole;
        damaged[at] = c;
        try {
          read(damaged);
        } catch (const Error& e) {
          EXPECT_THAT(e.what(), HasSubstr("the file:")) << damaged;
        }
      }
    }
  };
  damage(facts, [](const std::string& text) { read_run_record(text, "the file"); });
  damage(line, [](const std::string& text) { read_record(text, "the file", 1); });
}

TEST(Store, NamesThePlaceOfDamage) {
  const Folder folder;
  write_small_run(folder / "a");
  const fs::path file = folder / "a/samples.jsonl";
  const std::string whole = slurp(file);
  const auto load = [&] { load_run(folder / "a"); };
  const std::string line =
      R"({"probe":"x","parameters":{},"work":{"read":0,"written":0,"flops":0},)";
  for (const auto& [text, message] : {
           std::pair<std::string, std::string>{"{\"probe\":\n", "samples.jsonl:6:10: not JSON"},
           {"\n", "samples.jsonl:6:1: not JSON"},
           {"[]\n", "samples.jsonl:6: expected an object, found array"},
           {line + "\"verdict\":{\"stop\":\"\"},\"colour\":1}\n", "unknown key 'colour'"},
           {line + "\"visit\":{\"at\":0,\"inner\":1,\"seconds\":[0]}}\n", "a sample of 0 s"},
           {line + "\"visit\":{\"at\":0,\"inner\":1,\"seconds\":[null]}}\n",
            "'seconds' is no number"},
           {line + "\"visit\":{\"at\":0,\"inner\":1,\"seconds\":[1e999]}}\n",
            "samples.jsonl:6: a number out of range"},
           {line + "\"visit\":{\"at\":0,\"inner\":1.5,\"seconds\":[1]}}\n",
            "'inner' is no integer"},
           {line + "\"visit\":{\"at\":0,\"inner\":1,\"seconds\":[1],\"marks\":{\"stolen\":[1]}}}\n",
            "a mark on a sample that is not there"},
           {line + "\"verdict\":{\"stop\":\"a\",\"invalid\":\"b\"}}\n", "a verdict is one of"},
           {line + "\"verdict\":{}}\n", "a verdict is one of"},
           {"{\"probe\":\"x\"}\n", "'parameters' is missing"},
       }) {
    spill(file, whole + text);
    EXPECT_THAT(error_of(load), HasSubstr(message)) << text;
    spill(file, text + whole);
    EXPECT_THAT(error_of(load), HasSubstr("samples.jsonl:1")) << text;
  }
}

TEST(Store, RefusesOtherSchemas) {
  const Folder folder;
  write_small_run(folder / "a");
  const auto with = [&](const std::string& text) {
    spill(folder / "a/run.json", text);
    return error_of([&] { load_run(folder / "a"); });
  };
  EXPECT_THAT(with(R"({"schema":2,"provenance":{},"new":1})"),
              HasSubstr("schema version 2, but this limen reads version 1"));
  EXPECT_THAT(with(R"({"schema":1,"provenance":{"password":"x"}})"),
              HasSubstr("unknown key 'password'"));
  EXPECT_THAT(with(R"({"schema":1,"provenance":{},"x":1})"), HasSubstr("unknown key 'x'"));
  EXPECT_THAT(with("{\n \"schema\": oops"), HasSubstr("run.json:2:12: not JSON"));
  EXPECT_THAT(with(""), HasSubstr("run.json:1:1: not JSON"));
  EXPECT_THAT(with(R"({"provenance":{}})"), HasSubstr("'schema' is missing"));
}

TEST(Store, SaysWhatToDoAboutMissingFiles) {
  const Folder folder;
  EXPECT_THAT(error_of([&] { load_run(folder / "none"); }), HasSubstr("limen probe"));
  write_small_run(folder / "a");
  fs::remove(folder / "a/samples.jsonl");
  EXPECT_THAT(error_of([&] { load_run(folder / "a"); }), HasSubstr("samples.jsonl: not there"));
  EXPECT_THAT(error_of([&] { RunWriter::append_to(folder / "none"); }),
              HasSubstr("no run to append to"));
}

TEST(Store, SaysWhereItCannotWrite) {
  const Folder folder;
  spill(folder / "file", "");
  EXPECT_THAT(error_of([&] { RunWriter::create(folder / "file/run", {}); }),
              HasSubstr("cannot be made"));
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(error_of([&] { RunWriter::create(folder / "run", {}); }),
              HasSubstr("choose a folder"));
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(Store, ReportsAFullDevice) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const Folder folder;
  write_small_run(folder / "a");
  fs::remove(folder / "a/samples.jsonl");
  fs::create_symlink("/dev/full", folder / "a/samples.jsonl");
  EXPECT_THAT(
      error_of([&] { RunWriter::append_to(folder / "a").verdict("x", {}, {}, Skipped{"y"}); }),
      HasSubstr("No space left on device); make room"));
}

// A disk that takes half a line: the line is an error, the lines before it stay, and writing can go
// on later. In a child process, because the limit on the size of files stays.
TEST(Store, KeepsEarlierLinesOnAFullDisk) {
  const Folder folder;
  write_small_run(folder / "a");
  const auto before = fs::file_size(folder / "a/samples.jsonl");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{before + 20, before + 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    RunWriter w = RunWriter::append_to(folder / "a");
    const std::string said = error_of([&] { w.visit("x", {}, work, {0, 1, {1.0}, {}}); });
    ::_exit(said.find("make room") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fs::file_size(folder / "a/samples.jsonl"), before);
  EXPECT_THAT(load_run(folder / "a").measurements, SizeIs(3));
}

TEST(Store, TakesLinesFromSeveralWriters) {
  const Folder folder;
  RunWriter::create(folder / "a", {});
  for (int writer = 0; writer < 3; ++writer) {
    if (::fork() == 0) {
      RunWriter w = RunWriter::append_to(folder / "a");
      for (int i = 0; i < 50; ++i)
        w.visit("x", {{"rank", std::int64_t{writer}}}, work, {0, 1, {1.0, 2.0}, {}});
      ::_exit(0);
    }
  }
  for (int writer = 0; writer < 3; ++writer) ::wait(nullptr);
  const results::Run run = load_run(folder / "a");
  ASSERT_THAT(run.measurements, SizeIs(3));
  for (const Measurement& m : run.measurements)
    EXPECT_THAT(std::get<Samples>(m.outcome).visits, SizeIs(50));
}

TEST(Store, FinishRewritesTheFacts) {
  const Folder folder;
  RunWriter w = RunWriter::create(folder / "a", {});
  EXPECT_EQ(load_run(folder / "a").provenance.finished, "");
  Provenance p;
  p.finished = "2026-01-01T00:00:00Z";
  w.finish(p);
  EXPECT_EQ(load_run(folder / "a").provenance.finished, p.finished);
  EXPECT_FALSE(fs::exists(folder / "a/run.json.new"));
}

TEST(Store, RefusesTwoWorksForOneCase) {
  const Folder folder;
  RunWriter w = RunWriter::create(folder / "a", {});
  w.visit("x", small, work, {0, 1, {1.0}, {}});
  w.visit("x", small, {}, {0, 1, {1.0}, {}});
  EXPECT_THAT(error_of([&] { load_run(folder / "a"); }),
              HasSubstr("samples.jsonl:2: x bytes=4096 kernel=read claims other work"));
}

}  // namespace
}  // namespace limen::results
