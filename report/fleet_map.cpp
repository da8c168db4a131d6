#include "report/fleet_map.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "report/escape.hpp"
#include "results/fleet/host_order.hpp"

namespace limen::report {

namespace {

using namespace results::fleet;

constexpr std::size_t widest = 64;   // nodes in a row
constexpr double near_alarm = 0.75;  // of the score of an alarm

struct Row {
  std::string label;  // of the rack, or of the first node where racks go over several rows
  std::vector<std::size_t> nodes;
};

std::vector<Row> rows_of(const Group& group) {
  std::vector<Row> rows;
  std::string rack;
  for (std::size_t n = 0; n < group.nodes.size(); ++n) {
    const std::string& host = group.nodes[n].host;
    const std::string here = rack_of(host);
    if (rows.empty() || here != rack) {
      rows.push_back({here, {}});
    } else if (rows.back().nodes.size() == widest) {
      rows.push_back({host, {}});
    }
    rack = here;
    rows.back().nodes.push_back(n);
  }
  // Every host a rack of its own: their names say nothing of racks.
  if (rows.size() == group.nodes.size() && rows.size() > 1) {
    std::vector<Row> packed;
    for (std::size_t n = 0; n < group.nodes.size(); ++n) {
      if (n % widest == 0) packed.push_back({group.nodes[n].host, {}});
      packed.back().nodes.push_back(n);
    }
    return packed;
  }
  return rows;
}

// From green by way of yellow, at half the score of an alarm, to red at the alarm and beyond.
std::string heat(double share_of_alarm) {
  constexpr int colours[3][3] = {{0xb7, 0xdf, 0xc0}, {0xf4, 0xe1, 0x9a}, {0xe8, 0x83, 0x6b}};
  const double at = 2 * std::clamp(share_of_alarm, 0.0, 1.0);
  const int from = at < 1 ? 0 : 1;
  int mixed[3];
  for (int c = 0; c < 3; ++c)
    mixed[c] = colours[from][c] +
               static_cast<int>((at - from) * (colours[from + 1][c] - colours[from][c]));
  return fmt::format("#{:02x}{:02x}{:02x}", mixed[0], mixed[1], mixed[2]);
}

// How a cell looks: what is suspected, else whether the node comes near to an alarm.
struct Cells {
  Cells(const Group& group, const Judgement& judgement)
      : judgement_(judgement), outliers_(group.nodes.size()) {
    for (const Outlier& o : judgement.outliers) outliers_[o.node] = &o;
  }
  const Outlier* outlier(std::size_t node) const { return outliers_[node]; }
  bool close(std::size_t node) const {
    return judgement_.alarm > 0 && judgement_.worst[node] < -near_alarm * judgement_.alarm;
  }
  std::string colour(std::size_t node) const {
    if (outliers_[node]) return outliers_[node]->suspect == Suspect::faster ? "#9ad0e6" : heat(1);
    return heat(judgement_.alarm > 0 ? -judgement_.worst[node] / judgement_.alarm : 0);
  }
  char letter(std::size_t node) const {
    return outliers_[node] ? name_of(outliers_[node]->suspect).letter : close(node) ? '-' : '.';
  }

 private:
  const Judgement& judgement_;
  std::vector<const Outlier*> outliers_;
};

const char* terminal_colour(char letter) {
  return letter == '.'   ? "\x1b[32m"
         : letter == '-' ? "\x1b[33m"
         : letter == 'F' ? "\x1b[36m"
                         : "\x1b[1;31m";
}
std::string legend(const Judgement& judgement) {
  std::set<Suspect> there;
  for (const Outlier& o : judgement.outliers) there.insert(o.suspect);
  std::string text = "  . fits   - near an alarm";
  for (const SuspectName& s : suspect_names)
    if (there.count(s.suspect)) text += fmt::format("   {} {}", s.letter, s.name);
  return text + "\n";
}

}  // namespace

std::string fleet_map(const Group& group, const Judgement& judgement, bool colour,
                      std::size_t most_rows) {
  const std::vector<Row> rows = rows_of(group);
  if (rows.size() > most_rows)
    return fmt::format("  {} rows are too many for a terminal: --svg FILE draws them\n",
                       rows.size());
  const Cells cells(group, judgement);
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.label.size());
  std::string out;
  for (const Row& row : rows) {
    out += fmt::format("  {:<{}}  ", row.label, width);
    char before = 0;
    for (const std::size_t n : row.nodes) {
      const char letter = cells.letter(n);
      if (colour && letter != before) out += terminal_colour(letter);
      out += before = letter;
    }
    out += colour ? "\x1b[0m\n" : "\n";
  }
  return out + legend(judgement);
}

std::string fleet_svg(const Merged& fleet) {
  constexpr int cell = 12, left = 110, line = 18;
  std::string body;
  int y = line;
  std::size_t across = 40;
  for (std::size_t g = 0; g < fleet.judgements.size(); ++g) {
    const Group& group = fleet.collected.fleet.groups[g];
    const Judgement& judgement = fleet.judgements[g];
    const Cells cells(group, judgement);
    body += fmt::format("<text x=\"4\" y=\"{}\">{}, {} nodes</text>\n", y, escape(group.name()),
                        group.nodes.size());
    y += line / 2;
    for (const Row& row : rows_of(group)) {
      body += fmt::format("<text x=\"4\" y=\"{}\">{}</text>\n", y + cell - 2, escape(row.label));
      across = std::max(across, row.nodes.size());
      int x = left;
      for (const std::size_t n : row.nodes) {
        const char letter = cells.letter(n);
        std::string title = group.nodes[n].host;
        if (const Outlier* o = cells.outlier(n))
          title += fmt::format(": {}: {}", name_of(o->suspect).name, o->evidence);
        body += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
            "fill=\"{}\"><title>{}</title></rect>\n",
            x, y, cell - 1, cell - 1, cells.colour(n), escape(title));
        if (cells.outlier(n))
          body += fmt::format("<text class=\"c\" x=\"{}\" y=\"{}\">{}</text>\n", x + cell / 2 - 1,
                              y + cell - 3, letter);
        x += cell;
      }
      y += cell;
    }
    body += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", left, y + line - 4,
                        escape("colour: the lowest score of any figure;" + legend(judgement)));
    y += 2 * line + line / 2;
  }
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
             "{0} {1}\">\n"
             "<style>text{{font:11px monospace;fill:#222}} .c{{font-size:9px;text-anchor:middle;"
             "pointer-events:none}}</style>\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
             left + static_cast<int>(across) * cell + 8, y) +
         body + "</svg>\n";
}

}  // namespace limen::report
