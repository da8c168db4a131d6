// Accelerators under the many names that tables and drivers give them.
//
// "H100 SXM", "NVIDIA H100 80GB HBM3" and "8x H100-SXM5-80GB" are one card; "A100" without more is
// the most common one of its kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limen::cards {

struct Device {
  std::string_view card;   // its machine card
  std::string_view group;  // devices whose laws are alike: nvidia, amd, other
  // Vendor figures that no law of memory or arithmetic needs but that of kernels with few tiles,
  // and of data that stay in the cache. Recalled, not read in a datasheet; 0: unknown.
  int processors = 0;           // streaming multiprocessors or compute units
  double cache = 0;             // bytes of the last-level cache
  std::string_view chip;        // words that all must be in a name
  std::string_view qualifiers;  // words that make it this variant of the chip
};

// Of one architecture: nearer relatives than the rest of the vendor's; empty: not told.
std::string_view generation(const Device& device);

// The device that a name in a table or of a driver means, or null; words that are not known, such
// as a number of devices, do not count.
const Device* find_device(std::string_view name);
// The same, or null if the name has a word that the device does not explain.
const Device* named_device(std::string_view name);
const std::vector<Device>& devices();

// Words of a name: letters and digits, lower case.
std::vector<std::string> words_of(std::string_view name);

}  // namespace limen::cards
