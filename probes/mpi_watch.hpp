// Watches over a job that may hang: ends it and says which rank it waited for, and on which host.
//
// A rank that stands still cannot say so, and the others stand in a collective and cannot ask. So
// every rank has a thread that looks once a second whether its rank has got on, and answers those
// that ask it how far it is, by datagram: nothing is sent while all is well. A second before rank 0
// has not got on for the whole patience, it asks the others; then it names those that said nothing
// in that second, or came less far, and leaves with Exit::failed, whereupon the launcher ends the
// others. They ask rank 0 from half of the patience on, and leave by themselves if it does not
// answer. Seconds are counted by ticks of the thread, so that a job that was stopped as a whole,
// and goes on, is not taken for one that hangs.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "probes/mpi_world.hpp"

namespace limen::probes {

// How far this rank is: the number of the visit, and what it has begun and ended in it. Written by
// the thread that measures.
inline std::atomic<std::uint64_t> progress_of_rank{0};
inline constexpr std::uint64_t sits_out = std::uint64_t{1} << 63;  // the visit is of other ranks
inline void begin_visit(std::uint64_t number, bool takes_part) {
  progress_of_rank.store(number << 32 | (takes_part ? 0 : sits_out), std::memory_order_relaxed);
}
inline void get_on() {  // a plain increment, without the lock of fetch_add
  progress_of_rank.store(progress_of_rank.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
}

// What rank 0 knows of a rank when its patience is at an end.
struct Standing {
  std::string host;
  bool reachable = true;    // it was heard when the job began
  bool heard = false;       // it was heard since it was asked
  std::uint64_t count = 0;  // how far it is, if it was heard
};
// "rank 3 on node7 has stopped", for the ranks that the others wait for. `standing` has an entry a
// rank, the first being rank 0's own.
std::string who_hangs(const std::vector<Standing>& standing);

class Watch {
 public:
  // Collective. `last_words` is called at rank 0, by the thread, with a line that names the rank,
  // before the process ends.
  Watch(const MpiWorld& world, int patience_seconds,
        std::function<void(const std::string&)> last_words);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void meet();
  void look();
  void listen();
  void ask_all();
  bool next_second();
  void send(const sockaddr_in& to, bool asks) const;
  [[noreturn]] void end(const std::string& why);

  int rank_, patience_;
  std::function<void(const std::string&)> last_words_;
  std::uint64_t token_ = 0;  // of this job
  int socket_ = -1;
  std::vector<sockaddr_in> root_;   // where rank 0 may be reached; later where it answered
  std::vector<sockaddr_in> ranks_;  // at rank 0: where the others are, if they were heard
  int unanswered_ = 0;              // seconds since rank 0 was heard, at the others
  std::vector<Standing> standing_;  // at rank 0
  int over_;                        // an eventfd: ends the thread
  std::thread thread_;
};

}  // namespace limen::probes
