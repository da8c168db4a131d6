// Ranks of a job that work for its first one: text from each of them to rank 0, one number from it
// to all. Nothing here needs MPI to compile against.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace limen::probes {

// To be used by the thread that made it; other threads may run beside it. While it waits it sleeps,
// so that they have the core.
class RankLink {
 public:
  virtual ~RankLink() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  virtual std::uint64_t from_first(std::uint64_t value) = 0;  // collective: rank 0's, at all
  virtual void send(const std::string& text) = 0;             // to rank 0, in order
  virtual std::string receive(int rank) = 0;                  // at rank 0: the next of that rank

  // Ends all ranks, after a line that says why.
  [[noreturn]] virtual void abort(const std::string& why, int code) = 0;
};

// The link of this process to the others of its job; null if it is no rank of several. Error with
// Exit::unfit if a launcher started processes that cannot find each other, or the build has no MPI.
std::unique_ptr<RankLink> join_ranks();

}  // namespace limen::probes
