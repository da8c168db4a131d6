// Runs limen on GPUs that a CPU plays: the folder that LIMEN_TEST_CUDART names holds a libcudart
// that executes the PTX inside the program.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/cli/command.hpp"

namespace limen::tests {

using Environment = std::map<std::string, std::string>;

// Empty if no emulation was named.
inline std::string emulator() {
  const char* folder = std::getenv("LIMEN_TEST_CUDART");
  return folder == nullptr ? "" : folder;
}

// limen, linked to the shared CUDA runtime, with the emulation's variables set, as a command.
inline std::vector<std::string> emulated_command(const std::vector<std::string>& arguments,
                                                 const Environment& variables) {
  static const std::string cache =
      (std::filesystem::temp_directory_path() / "limen-emulated-cuda").string();
  Environment all = {{"LD_LIBRARY_PATH", emulator()},
                     {"PTXEMU_CACHE", cache},
                     {"PTXEMU_MEM_MB", "24"},
                     {"PTXEMU_SMS", "2"},
                     {"PTXEMU_STRICT", "1"}};
  for (const auto& [name, value] : variables) all[name] = value;
  std::vector<std::string> command = {"/usr/bin/env"};
  for (const auto& [name, value] : all) command.push_back(name + "=" + value);
  command.push_back(LIMEN_SHARED_CUDART);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}
inline Finished run_emulated(const std::vector<std::string>& arguments,
                             const Environment& variables) {
  return run_program("/usr/bin/env", emulated_command(arguments, variables));
}

class Emulated : public testing::Test {
 protected:
  void SetUp() override {
    if (emulator().empty())
      GTEST_SKIP() << "LIMEN_TEST_CUDART names no folder with a libcudart that emulates a GPU";
  }
};

}  // namespace limen::tests
