#include "probes/references.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fmt/format.h>

namespace limen::probes {

OpenBlas::OpenBlas() {
  unsetenv("OPENBLAS_CORETYPE");  // its own choice of kernel is its best
  setenv("OPENBLAS_THREAD_TIMEOUT", "20",
         0);  // its idle threads sleep after 2^20 cycles, not 2^28: they would disturb us
  library_ = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) return;
  const auto load = [this](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library_, name));
    return function != nullptr;
  };
  if (!load(set_threads_, "openblas_set_num_threads") || !load(config_, "openblas_get_config") ||
      !load(dgemv_, "cblas_dgemv") || !load(sgemv_, "cblas_sgemv")) {
    sgemv_ = nullptr;
  }
}

// The library stays loaded: unloading it under its own threads is a known way to crash.
OpenBlas::~OpenBlas() = default;

std::string OpenBlas::config() const { return loaded() ? config_() : ""; }

namespace {
constexpr int row_major = 101, no_transpose = 111;
}

void OpenBlas::multiply(std::size_t rows, std::size_t cols, const float* a, const float* x,
                        float* y) const {
  const int m = static_cast<int>(rows), n = static_cast<int>(cols);
  sgemv_(row_major, no_transpose, m, n, 1, a, n, x, 1, 0, y, 1);
}
void OpenBlas::multiply(std::size_t rows, std::size_t cols, const double* a, const double* x,
                        double* y) const {
  const int m = static_cast<int>(rows), n = static_cast<int>(cols);
  dgemv_(row_major, no_transpose, m, n, 1, a, n, x, 1, 0, y, 1);
}

std::optional<double> likwid_bench(const std::string& test, int threads) {
  const auto command =
      fmt::format("exec likwid-bench -t {} -w S0:1GB:{} 2>/dev/null", test, threads);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) return {};
  std::optional<double> rate;
  char line[512];
  while (std::fgets(line, sizeof line, pipe.get()) != nullptr) {
    if (std::strncmp(line, "MByte/s:", 8) == 0) rate = std::strtod(line + 8, nullptr) * 1e6;
  }
  return rate && *rate > 0 ? rate : std::nullopt;
}

}  // namespace limen::probes
