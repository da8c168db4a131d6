// Ranks, a device each: all of them in this process, or one of them, the others being processes of
// their own.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/cuda/backend.hpp"

namespace limen::gpu {

// Where ranks that are processes meet. Every call is collective.
class Meeting {
 public:
  virtual ~Meeting() = default;
  // Empty if every rank says nothing, else what one of them says, at all of them.
  virtual std::string agree(const std::string& complaint) = 0;
  virtual void barrier() = 0;
  virtual std::vector<Backend::Handle> gather(const Backend::Handle& mine) = 0;  // by rank
  virtual void from_first(void* data, std::size_t bytes) = 0;                    // rank 0's, at all
};

struct DeviceRanks {
  DeviceRanks(std::vector<const Device*> all_here)  // a list of devices is what they are
      : devices(std::move(all_here)), ranks(devices.size()) {}
  DeviceRanks(std::initializer_list<const Device*> all_here)
      : DeviceRanks(std::vector<const Device*>(all_here)) {}
  DeviceRanks(const Device& device, std::size_t rank, std::size_t of, Meeting& meeting)
      : devices{&device}, first(rank), ranks(of), others(&meeting) {}

  std::vector<const Device*> devices;  // of the ranks of this process
  std::size_t first = 0;               // the rank of the first of them
  std::size_t ranks = 0;               // of all processes
  Meeting* others = nullptr;           // null: there is no other process

  // Ends the call at every rank, with one error, if it failed at one of them.
  template <class Call>
  void together(Call&& call) const {
    if (others == nullptr) return call();
    std::string why;
    try {
      call();
    } catch (const DeviceError& e) {
      why = e.what();
    }
    why = others->agree(why);
    constexpr int not_supported = 801;
    if (!why.empty()) throw DeviceError(why, not_supported);
  }
};

}  // namespace limen::gpu
