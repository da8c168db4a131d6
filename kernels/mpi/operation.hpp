// What is timed between ranks: one operation on a communicator, run by all its ranks together, that
// can check itself. Each kind also states its claim: the work of one execution, at one rank.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

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

  // After executions that were timed: false if this rank knows that one of them went wrong.
  virtual bool intact() { return true; }

  // One-way trips in an execution, one after the other: a time is divided by it.
  virtual int trips() const { return 1; }

  // No rank may leave before the last one has entered. Such an operation cannot cheat on the clock
  // unseen.
  virtual bool synchronizes() const { return true; }
};

// Where the vectors of an operation lie: in memory of the host, or of a device that MPI reaches.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  // From the host, and to it; done on return.
  virtual void put(void* to, const void* from, std::size_t bytes) = 0;
  virtual void get(void* to, const void* from, std::size_t bytes) = 0;
};

// Starts on a page, so that no two runs differ by where malloc put the data within a cache line.
class HostMemory : public Memory {
 public:
  void* allocate(std::size_t bytes) override {
    void* memory = std::aligned_alloc(page, (bytes + page) / page * page);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void release(void* memory) noexcept override { std::free(memory); }
  void put(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void get(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }

 private:
  static constexpr std::size_t page = 4096;
};
inline Memory& host_memory() {
  static HostMemory memory;
  return memory;
}

template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t n, Memory& memory = host_memory())
      : memory_(&memory), size_(n), data_(static_cast<T*>(memory.allocate(n * sizeof(T)))) {}
  ~Buffer() { memory_->release(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() { return data_; }
  std::size_t size() const { return size_; }
  // Every element, by its number; and what they are.
  template <class Value>
  void set(Value&& value) {
    std::vector<T> all(size_);
    for (std::size_t i = 0; i < size_; ++i) all[i] = value(i);
    memory_->put(data_, all.data(), size_ * sizeof(T));
  }
  std::vector<T> get() const {
    std::vector<T> all(size_);
    memory_->get(all.data(), data_, size_ * sizeof(T));
    return all;
  }

 private:
  Memory* memory_;
  std::size_t size_;
  T* data_;
};

}  // namespace limen::kernels::mpi
