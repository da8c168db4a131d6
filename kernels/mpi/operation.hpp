// What is timed between ranks: one operation on a communicator, run by all its ranks together, that
// can check itself. Each kind also states its claim: the work of one execution, at one rank.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "model/work.hpp"

namespace limen::kernels::mpi {

class Operation {
 public:
  virtual ~Operation() = default;

  // One execution. Every rank of the communicator calls it.
  virtual void run() = 0;

  // Runs once on small integers and compares exactly; false if this rank's part is wrong. Also
  // warms every page.
  virtual bool verify() = 0;

  // One-way trips in an execution, one after the other: a time is divided by it.
  virtual int trips() const { return 1; }

  // No rank may leave before the last one has entered. Such an operation cannot cheat on the clock
  // unseen.
  virtual bool synchronizes() const { return true; }
};

// Starts on a page, so that no two runs differ by where malloc put the data within a cache line.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t n)
      : size_(n), data_(static_cast<T*>(std::aligned_alloc(page, rounded(n)))) {
    if (!data_) throw std::bad_alloc();
  }
  T* data() { return data_.get(); }
  T& operator[](std::size_t i) { return data_.get()[i]; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t page = 4096;
  static std::size_t rounded(std::size_t n) { return (n * sizeof(T) + page) / page * page; }
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::size_t size_;
  std::unique_ptr<T, Free> data_;
};

}  // namespace limen::kernels::mpi
