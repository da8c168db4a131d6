// What limen's loops are held against, if it is installed: OpenBLAS (loaded at run time) and
// likwid-bench (started).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace limen::probes {

// libopenblas.so.0, if it can be loaded. Its threads inherit the caller's affinity: load it before
// the team is pinned.
class OpenBlas {
 public:
  OpenBlas();
  ~OpenBlas();
  OpenBlas(const OpenBlas&) = delete;
  OpenBlas& operator=(const OpenBlas&) = delete;

  bool loaded() const { return sgemv_ != nullptr; }
  std::string config() const;
  void set_threads(int threads) const { set_threads_(threads); }
  // y = A x, A stored by rows.
  void multiply(std::size_t rows, std::size_t cols, const float* a, const float* x, float* y) const;
  void multiply(std::size_t rows, std::size_t cols, const double* a, const double* x,
                double* y) const;

 private:
  void* library_ = nullptr;
  void (*set_threads_)(int) = nullptr;
  char* (*config_)() = nullptr;
  void (*sgemv_)(int, int, int, int, float, const float*, int, const float*, int, float, float*,
                 int) = nullptr;
  void (*dgemv_)(int, int, int, int, double, const double*, int, const double*, int, double,
                 double*, int) = nullptr;
};

// Runs `likwid-bench -t TEST -w S0:1GB:THREADS` and returns bytes a second. Nothing if it is not on
// PATH or fails.
std::optional<double> likwid_bench(const std::string& test, int threads);

}  // namespace limen::probes
