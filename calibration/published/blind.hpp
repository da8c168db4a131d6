// Laws as they would be had a device never been measured.
#pragma once

#include <string_view>

#include "model/cards/laws.hpp"

namespace limen::calibration {

// The fits of the device are left out, and what is pooled is pooled again over the fits of the
// others: of its generation, vendor and kind of link, of kernels that are expected to be like those
// of 16 bits, and of engines. Generations and vendors that nobody else is of have no laws any more.
// Left of the device are only how far it pulled the fits of the others towards itself, and its part
// in the scatter about the laws; cross_validate() fits all anew and leaves nothing, at a minute's
// price. `laws`: those that calibration wrote.
cards::Laws laws_without(const cards::Laws& laws, std::string_view device);

}  // namespace limen::calibration
