// What the compiler made of the kernels: C++20 in effect, wide accesses with the cache operators
// that were meant, as many loads as the unrolling says, no spills, and code for every GPU.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>

namespace limen::tests {
namespace {

namespace fs = std::filesystem;

struct Compiled {
  int code = 0;
  std::string said, text;
};

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string said;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) said += line;
  pclose(pipe);
  return said;
}

// nvcc with the flags of the build.
Compiled compile(const std::string& flags, const std::string& to) {
  const fs::path out = fs::path(testing::TempDir()) / to;
  const std::string command = std::string(LIMEN_NVCC) + " " + LIMEN_NVCC_FLAGS + " -O3 -I" +
                              LIMEN_SOURCE_DIR + " " + flags + " -o " + out.string() + " " +
                              LIMEN_SOURCE_DIR + "/kernels/cuda/device_table.cu 2>&1";
  Compiled result;
  FILE* pipe = popen(command.c_str(), "r");
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) result.said += line;
  result.code = pclose(pipe);
  std::ifstream in(out);
  std::stringstream text;
  text << in.rdbuf();
  result.text = text.str();
  fs::remove(out);
  return result;
}

// Kernels by their mangled names, with their text.
std::map<std::string, std::string> kernels(const std::string& ptx) {
  std::map<std::string, std::string> found;
  const std::regex entry(R"(\.visible \.entry (\w+)\()");
  for (std::sregex_iterator i(ptx.begin(), ptx.end(), entry), end; i != end; ++i) {
    const auto from = static_cast<std::size_t>(i->position());
    found[(*i)[1]] = ptx.substr(from, ptx.find("\n}", from) - from);
  }
  return found;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

class Ptx : public testing::TestWithParam<int> {
 protected:
  static const std::map<std::string, std::string>& of(int arch) {
    static std::map<int, std::map<std::string, std::string>> all;
    if (!all.count(arch)) {
      const auto made = compile("-ptx -arch=compute_" + std::to_string(arch), "table.ptx");
      EXPECT_EQ(made.code, 0) << made.said;
      all[arch] = kernels(made.text);
    }
    return all[arch];
  }
};

constexpr const char* streaming_load = "ld.global.nc.L1::no_allocate.v4.u32";
constexpr const char* streaming_store = "st.global.cs.v4.u32";

TEST_P(Ptx, BandwidthKernelsMoveSixteenBytesAtATime) {
  // In the unrolled loop, and once for each step of what is left.
  const std::map<std::string, std::pair<std::size_t, std::size_t>> expected = {
      {"stream_readILj4", {8, 0}},
      {"stream_writeILj4", {0, 8}},
      {"stream_copyILj4", {8, 8}},
      {"stream_triadILj4", {16, 8}}};
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    for (const auto& [what, loads_and_stores] : expected) {
      if (name.find(what) == std::string::npos) continue;
      ++seen;
      EXPECT_EQ(count(text, streaming_load), loads_and_stores.first) << name;
      EXPECT_EQ(count(text, streaming_store), loads_and_stores.second) << name;
    }
  }
  EXPECT_EQ(seen, expected.size());
}

TEST_P(Ptx, GemvHasTheLoadsOfItsUnrolling) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("4gemvI") == std::string::npos) continue;
    ++seen;
    // 4 steps of 1 row or 2 steps of 4; and one step for what is left.
    const bool four = name.find("ELj4ELj2E") != std::string::npos;
    EXPECT_EQ(count(text, streaming_load), four ? 12u : 5u) << name;
    EXPECT_GT(count(text, "ld.global.nc.v4.u32"), 0u) << name;  // x
    EXPECT_EQ(count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 12u);
}

TEST_P(Ptx, AttentionReadsTheCachePastTheFirstLevel) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("9attentionI") == std::string::npos) continue;
    ++seen;
    // 4 of K and 4 of V a tile; heads of 64 have half.
    EXPECT_EQ(count(text, streaming_load), name.find("Lj64E") != std::string::npos ? 4u : 8u)
        << name;
    EXPECT_EQ(count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 12u);
}

TEST_P(Ptx, LatentAttentionReadsItsRowsOnceForAllHeadsOfABlock) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("16latent_attentionI") == std::string::npos) continue;
    ++seen;
    // 3 of a lane for each of its 2 rows of a tile, or 4 where a block has 8 heads; the next ones
    // while this tile is used.
    EXPECT_EQ(count(text, streaming_load), name.find("Lj16E") != std::string::npos ? 12u : 24u)
        << name;
    EXPECT_EQ(count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 2u);
}

TEST_P(Ptx, ProductsOfSeveralTokensReadTheNextWeightsWhileTheyUseOnes) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("4gemmI") == std::string::npos) continue;
    ++seen;
    EXPECT_EQ(count(text, streaming_load), 8u) << name;  // 4 rows, now and next
    EXPECT_EQ(count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 12u);
}

TEST_P(Ptx, TensorCoresMultiplyWhereDevicesHaveThem) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("11tensor_gemmI") == std::string::npos) continue;
    ++seen;
    if (GetParam() < 80) {
      EXPECT_EQ(count(text, "mma.sync") + count(text, "cp.async"), 0u) << name;
      EXPECT_EQ(count(text, "trap"), 1u) << name;
      continue;
    }
    std::size_t tokens = 64;
    for (const std::size_t fewer : {8, 16, 32})
      if (name.find("ELj" + std::to_string(fewer) + "E") != std::string::npos) tokens = fewer;
    const bool bf16 = name.find("FormatE2E") != std::string::npos,
               int4 = name.find("FormatE5E") != std::string::npos;
    const std::size_t units = int4 && tokens < 64 ? 2 : 1, loads = bf16 ? 16 : int4 ? 4 : 8;
    // 2 steps a unit of 4 for each 8 tokens, in a loop of 2; weights before the first and anew.
    EXPECT_EQ(count(text, "mma.sync.aligned.m16n8k16"), units * tokens) << name;
    EXPECT_EQ(count(text, streaming_load), units * loads * 2) << name;
    EXPECT_GT(count(text, "cp.async.cg.shared.global"), 0u) << name;
    EXPECT_GT(count(text, "atom.acq_rel.gpu"), 0u) << name;
    EXPECT_EQ(count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 12u);
}

TEST_P(Ptx, ArithmeticIsAllThatItsLoopHas) {
  std::size_t seen = 0;
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("multiply_add") == std::string::npos) continue;
    ++seen;
    EXPECT_EQ(count(text, "fma.rn.f32"), 16u * 8u) << name;
    EXPECT_EQ(count(text, "ld.global") + count(text, ".local"), 0u) << name;
  }
  EXPECT_EQ(seen, 1u);
}

TEST_P(Ptx, FlagsHaveTheirOrderAndScope) {
  for (const auto& [name, text] : of(GetParam())) {
    if (name.find("all_reduce") != std::string::npos) {
      EXPECT_GT(count(text, "st.relaxed.sys.global.v2.u64"), 0u) << name;
      EXPECT_GT(count(text, "ld.relaxed.sys.global.v2.u64"), 0u) << name;
    }
    if (name.find("pingpong") != std::string::npos) {
      EXPECT_GT(count(text, "st.release.sys"), 0u) << name;
      EXPECT_GT(count(text, "ld.acquire.sys"), 0u) << name;
    }
    if (name.find("grid_barrier") != std::string::npos) {
      EXPECT_GT(count(text, "red.release.gpu"), 0u) << name;
      EXPECT_GT(count(text, "ld.acquire.gpu"), 0u) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Ptx, testing::Values(75, 90));

// No spills: ptxas makes them errors with the flags of the build.
TEST(Evidence, EveryGpuHasCodeWithoutSpillsAndWarnings) {
  const std::string known = output_of(std::string(LIMEN_NVCC) + " --list-gpu-code");
  std::string flags = "-fatbin -t 2";
  int n = 0;
  for (const std::string arch : {"75", "80", "86", "89", "90", "90a", "100", "103", "120"}) {
    if (known.find("sm_" + arch.substr(0, arch.find('a')) + "\n") == std::string::npos) continue;
    flags += " -gencode arch=compute_" + arch + ",code=sm_" + arch;
    ++n;
  }
  const auto made = compile(flags, "table.fatbin");
  EXPECT_EQ(made.code, 0) << made.said;
  EXPECT_GE(n, 6) << known;
}

}  // namespace
}  // namespace limen::tests
