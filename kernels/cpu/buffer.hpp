// Memory for kernels: 2 MiB aligned, on huge pages where the system gives them, untouched until its
// user touches it (a page comes to live next to the core that first writes to it).
#pragma once

#include <cstddef>
#include <utility>

namespace limen::kernels {

class Buffer {
 public:
  Buffer() = default;
  // Reserves addresses only. Error if the system refuses.
  explicit Buffer(std::size_t bytes);
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  template <class T>
  T* as(std::size_t byte_offset = 0) const {
    return reinterpret_cast<T*>(data_ + byte_offset);
  }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_, other.mapped_);
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapped_ = 0;
};

}  // namespace limen::kernels
