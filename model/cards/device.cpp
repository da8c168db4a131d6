#include "model/cards/device.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

namespace limen::cards {

namespace {

constexpr double mib = 1048576.0;

// Of a chip with several cards the most common one stands first. Alternatives within the words of a
// chip are separated by '|'.
const std::vector<Device> table = {
    {"v100-sxm2-32gb", "nvidia", 80, 6 * mib, "v100", ""},
    {"v100-pcie-16gb", "nvidia", 80, 6 * mib, "v100", "pcie"},
    {"v100-pcie-16gb", "nvidia", 80, 6 * mib, "v100", "16gb"},
    {"t4", "nvidia", 40, 4 * mib, "t4", ""},
    {"a100-sxm4-80gb", "nvidia", 108, 40 * mib, "a100", ""},
    {"a100-sxm4-40gb", "nvidia", 108, 40 * mib, "a100", "40gb"},
    {"a100-pcie-80gb", "nvidia", 108, 40 * mib, "a100", "pcie"},
    {"a100-sxm4-40gb", "nvidia", 108, 40 * mib, "a100", "pcie 40gb"},
    {"a30", "nvidia", 56, 24 * mib, "a30", ""},
    {"a40", "nvidia", 84, 6 * mib, "a40", ""},
    {"a10", "nvidia", 72, 6 * mib, "a10|a10g", ""},
    {"rtx-a6000", "nvidia", 84, 6 * mib, "a6000", ""},
    {"rtx-3090", "nvidia", 82, 6 * mib, "3090", ""},
    {"rtx-3090-ti", "nvidia", 84, 6 * mib, "3090", "ti"},
    {"rtx-3090-ti", "nvidia", 84, 6 * mib, "3090ti", ""},
    {"rtx-4090", "nvidia", 128, 72 * mib, "4090", ""},
    {"rtx-5090", "nvidia", 170, 96 * mib, "5090", ""},
    {"rtx-6000-ada", "nvidia", 142, 96 * mib, "6000 ada", ""},
    {"l4", "nvidia", 58, 48 * mib, "l4", ""},
    {"l40", "nvidia", 142, 96 * mib, "l40", ""},
    {"l40s", "nvidia", 142, 96 * mib, "l40s", ""},
    {"h100-sxm5-80gb", "nvidia", 132, 50 * mib, "h100", ""},
    {"h100-pcie-80gb", "nvidia", 114, 50 * mib, "h100", "pcie"},
    {"h100-nvl-94gb", "nvidia", 132, 50 * mib, "h100", "nvl"},
    {"h100-nvl-94gb", "nvidia", 132, 50 * mib, "h100", "94gb"},
    {"h800-sxm5", "nvidia", 132, 50 * mib, "h800", ""},
    {"h200-sxm-141gb", "nvidia", 132, 50 * mib, "h200", ""},
    {"h200-nvl", "nvidia", 132, 50 * mib, "h200", "nvl"},
    {"h20-sxm-96gb", "nvidia", 78, 60 * mib, "h20", ""},
    {"gh200-96gb", "nvidia", 132, 50 * mib, "gh200", ""},
    {"gh200-141gb", "nvidia", 132, 50 * mib, "gh200", "141gb"},
    {"gh200-141gb", "nvidia", 132, 50 * mib, "gh200", "144gb"},
    {"b200-sxm-180gb", "nvidia", 148, 126 * mib, "b200", ""},
    {"b300-sxm", "nvidia", 148, 126 * mib, "b300", ""},
    {"gb200", "nvidia", 148, 126 * mib, "gb200", ""},
    {"gb300", "nvidia", 148, 126 * mib, "gb300", ""},
    {"gb10-dgx-spark", "nvidia", 48, 24 * mib, "gb10|spark", ""},
    {"rtx-pro-6000-server", "nvidia", 188, 128 * mib, "pro 6000", ""},
    {"rubin-sxm", "nvidia", 0, 0, "rubin", ""},
    // Published reads of 17 MB on an MI210 beat its memory by more than 8 MiB of cache would allow.
    {"mi210", "amd", 104, 16 * mib, "mi210", ""},
    {"mi250-gcd", "amd", 104, 16 * mib, "mi250", ""},
    {"mi250x", "amd", 220, 32 * mib, "mi250x", ""},
    {"mi250-gcd", "amd", 104, 16 * mib, "mi250x", "gcd"},
    {"mi300x", "amd", 304, 256 * mib, "mi300x|mi300", ""},
    {"mi325x", "amd", 304, 256 * mib, "mi325x|mi325", ""},
    {"mi355x", "amd", 256, 256 * mib, "mi355x|mi355", ""},
    {"mi455x", "amd", 0, 0, "mi455x|mi455", ""},
    {"rx-7900-xtx", "amd", 96, 96 * mib, "7900 xtx", ""},
    {"gaudi2", "other", 24, 48 * mib, "gaudi2", ""},
    {"gaudi2", "other", 24, 48 * mib, "gaudi 2", ""},
    {"gaudi3", "other", 64, 96 * mib, "gaudi3", ""},
    {"gaudi3", "other", 64, 96 * mib, "gaudi 3", ""},
    {"max-1550", "other", 128, 408 * mib, "max 1550", ""},
    {"arc-pro-b60", "other", 20, 18 * mib, "b60", ""},
    {"m1-7gpu", "apple", 7, 0, "m1", ""},
    {"m1-max-32gpu", "apple", 32, 48 * mib, "m1 max", ""},
    {"m2-ultra-76gpu", "apple", 76, 96 * mib, "m2 ultra", ""},
    {"m3-max-40gpu", "apple", 40, 48 * mib, "m3 max", ""},
    {"m3-ultra-80gpu", "apple", 80, 96 * mib, "m3 ultra", ""},
    {"m4-max-40gpu", "apple", 40, 48 * mib, "m4 max", ""},
    {"m4-pro-20gpu", "apple", 20, 24 * mib, "m4 pro", ""},
    {"tpu-v3", "other", 0, 0, "tpu v3", ""},
    {"tpu-v4", "other", 0, 0, "tpu v4", ""},
    {"tpu-v5e", "other", 0, 0, "v5e", ""},
    {"tpu-v5p", "other", 0, 0, "v5p", ""},
    {"tpu-v6e", "other", 0, 0, "v6e", ""},
    {"tpu-v7x", "other", 0, 0, "v7x", ""},
    {"trainium2", "other", 0, 0, "trainium2|trn2", ""},
};

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// How many words of `wanted` (separated by spaces, alternatives by '|') the name has; -1 if it
// lacks one.
int matched(const std::vector<std::string>& words, std::string_view wanted) {
  int count = 0;
  while (!wanted.empty()) {
    const auto end = std::min(wanted.find(' '), wanted.size());
    std::string_view alternatives = wanted.substr(0, end);
    wanted.remove_prefix(std::min(end + 1, wanted.size()));
    bool found = false;
    while (!alternatives.empty()) {
      const auto bar = std::min(alternatives.find('|'), alternatives.size());
      found = found || has(words, alternatives.substr(0, bar));
      alternatives.remove_prefix(std::min(bar + 1, alternatives.size()));
    }
    if (!found) return -1;
    ++count;
  }
  return count;
}

}  // namespace

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : ' ';
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  return words;
}

std::string_view generation(const Device& device) {
  struct Generation {
    std::string_view name;
    std::initializer_list<const char*> cards;  // begin so
  };
  static const Generation all[] = {{"volta", {"v100"}},
                                   {"turing", {"t4"}},
                                   {"ampere", {"a100", "a30"}},
                                   {"ampere-graphics", {"a40", "a10", "rtx-a6000", "rtx-3090"}},
                                   {"ada", {"l4", "rtx-4090", "rtx-6000-ada"}},
                                   {"hopper", {"h100", "h200", "h800", "h20", "gh200"}},
                                   {"blackwell", {"b200", "b300", "gb200", "gb300"}},
                                   {"rubin", {"rubin"}},
                                   {"blackwell-graphics", {"rtx-5090", "rtx-pro-6000", "gb10"}},
                                   {"cdna2", {"mi210", "mi250"}},
                                   {"cdna3", {"mi300x", "mi325x"}},
                                   {"cdna4", {"mi355x"}},
                                   {"apple", {"m1", "m2", "m3", "m4"}}};
  // "a100" is no "a10": the longest beginning holds.
  std::string_view best;
  std::size_t length = 0;
  for (const Generation& g : all)
    for (std::string_view card : g.cards)
      if (device.card.starts_with(card) && card.size() > length) {
        best = g.name;
        length = card.size();
      }
  return best;
}

const std::vector<Device>& devices() { return table; }

const Device* find_device(std::string_view name) {
  std::vector<std::string> words = words_of(name);
  // "80 GB" is "80gb", and "h100sxm5" is "h100 sxm5".
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i + 1] == "gb") words.push_back(words[i] + "gb");
  const std::size_t given = words.size();
  for (std::size_t i = 0; i < given; ++i)
    for (std::string_view tail : {"sxm", "sxm4", "sxm5", "pcie", "nvl"})
      if (words[i].size() > tail.size() && std::string_view(words[i]).ends_with(tail)) {
        words.push_back(words[i].substr(0, words[i].size() - tail.size()));
        words.emplace_back(tail);
      }
  const Device* best = nullptr;
  int most = -1;
  for (const Device& d : table) {
    std::string card;
    for (const std::string& w : words_of(name)) card += (card.empty() ? "" : "-") + w;
    if (card == d.card) return &d;
    const int chip = matched(words, d.chip), variant = matched(words, d.qualifiers);
    if (chip < 0 || variant < 0) continue;
    if (10 * chip + variant > most) {
      most = 10 * chip + variant;
      best = &d;
    }
  }
  return best;
}

const Device* named_device(std::string_view name) {
  const Device* device = find_device(name);
  if (device == nullptr) return nullptr;
  const std::vector<std::string> known = words_of(
      fmt::format("{} {} {} nvidia geforce rtx tesla amd radeon instinct apple intel google",
                  device->card, device->chip, device->qualifiers));
  for (const std::string& w : words_of(name)) {
    const bool sxm = w == "sxm" && (has(known, "sxm4") || has(known, "sxm5"));
    if (!sxm && !has(known, w)) return nullptr;
  }
  return device;
}

}  // namespace limen::cards
