#include "fleet.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

namespace bench {

/// A worker process, and the pipes to and from it. It ends when its stdin is closed.
class fleet::process {
 public:
  explicit process(std::vector<std::string> arguments) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw std::runtime_error("no more pipes");
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("no more processes");
    if (pid_ == 0) {
      dup2(to[0], 0);
      dup2(from[1], 1);
      std::vector<char*> argv;
      for (auto& a : arguments) argv.push_back(a.data());
      argv.push_back(nullptr);
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_ = fdopen(to[1], "w");
    out_ = fdopen(from[0], "r");
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    std::fclose(in_);
    std::fclose(out_);
    waitpid(pid_, nullptr, 0);
  }
  void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), in_);
    std::fflush(in_);
  }
  [[nodiscard]] std::string hear() {
    std::array<char, 200> line{};
    if (std::fgets(line.data(), line.size(), out_) == nullptr) throw std::runtime_error("a worker ended early");
    return line.data();
  }

 private:
  pid_t pid_;
  FILE* in_;
  FILE* out_;
};

fleet::fleet(const std::string& url, const std::vector<std::string>& locks, int processes, int threads, int hold_ms,
             const std::string& mode) {
  for (int i = 0; i < processes; ++i) {
    const auto& lock = locks[std::min(static_cast<std::size_t>(i), locks.size() - 1)];
    all_.push_back(std::make_unique<process>(
        std::vector<std::string>{"dlock-bench", "worker", "--url", url, "--lock", lock, "--threads",
                                 std::to_string(threads), "--hold-ms", std::to_string(hold_ms), "--mode", mode}));
  }
  for (auto& p : all_) {
    if (p->hear() != "ready\n") throw std::runtime_error("a worker is not ready");
  }
}

fleet::~fleet() = default;

void fleet::start(std::int64_t begin, std::int64_t end) {
  for (auto& p : all_) p->say(std::to_string(begin) + " " + std::to_string(end));
}

std::vector<grant> fleet::grants(std::vector<int>* each) {
  std::vector<grant> out;
  looks_.clear();
  for (auto& p : all_) {
    int count = 0;
    for (std::string line = p->hear(); line != "done\n"; line = p->hear()) {
      long long token = 0, asked = 0, queued = 0, acquired = 0, releasing = 0, look = 0;
      if (std::sscanf(line.c_str(), "look %lld", &look) == 1) {
        looks_.push_back(look);
        continue;
      }
      ++count;
      if (std::sscanf(line.c_str(), "%lld %lld %lld %lld %lld", &token, &asked, &queued, &acquired, &releasing) != 5)
        throw std::runtime_error("a worker said: " + line);
      out.push_back({token, asked, queued, acquired, releasing});
    }
    if (each != nullptr) each->push_back(count);
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.token < b.token; });
  return out;
}

}  // namespace bench
