// A fleet: nodes of one kind of hardware side by side, a column a node and a row a figure. Nodes of
// different CPU or GPU models are never in one group.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "results/fleet/node_result.hpp"

namespace limen::results::fleet {

struct Node {
  std::string host;
  std::vector<std::string> runs;  // folders; of several runs a figure is the median
  std::string started;            // of the latest run
  bool finished = true;
  Facts facts;  // of the latest run
  Marks marks;  // the largest of any run
  std::vector<std::string> invalid;
};

// What one run measured between nodes that it names.
struct Exchanges {
  std::string run;
  std::vector<std::string> hosts;                      // an exchange of n nodes is of the first n
  std::vector<std::pair<std::size_t, double>> values;  // by figure
};

struct Group {
  std::string cpu, gpu;                     // models
  std::vector<Node> nodes;                  // in the order of hosts
  std::vector<Figure> figures;              // in order
  std::vector<std::vector<double>> values;  // [figure][node]; NaN: this node has none
  std::vector<Exchanges> exchanges;         // by run; none of a fleet that was read from a file

  std::string name() const;  // "AMD EPYC 9654, 8 x H100"; "unknown CPU"
  // The places of the nodes that have a figure.
  std::vector<std::size_t> having(std::size_t figure) const;
};

struct Fleet {
  std::vector<Group> groups;  // the largest first
  std::size_t nodes() const;
};

// Takes runs in any order; the fleet is the same.
class FleetBuilder {
 public:
  void add(NodeResult result);
  Fleet build();  // once

 private:
  struct Row {
    NodeResult about;  // its figures are moved to `values`, by their places
    std::vector<std::pair<std::size_t, double>> values;
  };
  struct Model {
    std::map<Figure, std::size_t> places;
    std::vector<Row> rows;
  };
  static Group group_of(Model model);
  static Exchanges exchanges_of(Row& row, const std::vector<std::size_t>& places,
                                const std::vector<Figure>& figures);

  std::map<std::pair<std::string, std::string>, Model> by_model_;
};

}  // namespace limen::results::fleet
