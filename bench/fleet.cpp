#include "fleet.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace bench {

/// A worker process, and the pipes to and from it. It ends when its stdin is closed.
class fleet::process {
 public:
  process(const char* program, std::vector<std::string> arguments) {
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
      execv(program, argv.data());
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
    end();
    std::fclose(out_);
    waitpid(pid_, nullptr, 0);
  }
  /// Does not wait for it.
  void end() {
    if (in_ != nullptr) std::fclose(std::exchange(in_, nullptr));
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

fleet::fleet(const std::string& url, const std::vector<std::string>& locks, const crew& who) {
  const auto program = who.program.empty() ? "/proc/self/exe" : who.program;
  // An older version has none of the options whose value is the default here.
  std::vector<std::string> options;
  const auto add = [&](const char* name, const std::string& value, const std::string& usual) {
    if (value != usual) options.insert(options.end(), {name, value});
  };
  const bool has_modes =
      who.program.empty() || std::system(("exec '" + program + "' modes >/dev/null 2>&1").c_str()) == 0;
  add("--mode", who.mode, has_modes ? "" : "plain");
  add("--kind", who.kind, "mutex");
  for (int i = 0; i < who.processes; ++i) {
    const auto& lock = locks[std::min(static_cast<std::size_t>(i), locks.size() - 1)];
    std::vector<std::string> words{"dlock-bench", "worker",
                                   "--url",       url,
                                   "--lock",      lock,
                                   "--threads",   std::to_string(who.threads),
                                   "--hold-ms",   std::to_string(who.hold_ms)};
    words.insert(words.end(), options.begin(), options.end());
    all_.push_back(std::make_unique<process>(program.c_str(), std::move(words)));
  }
  for (auto& p : all_) {
    if (p->hear() != "ready\n") throw std::runtime_error("a worker is not ready");
  }
}

fleet::~fleet() {
  for (auto& p : all_) p->end();
}

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
