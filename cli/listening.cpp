#include "listening.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "exit_codes.hpp"
#include "fd.hpp"
#include "http_text.hpp"
#include "text.hpp"
#include "values.hpp"

namespace dlock::cli {

namespace {

[[noreturn]] void refuse_token(const std::string& path, const std::string& why) {
  throw failure("cannot use " + quoted_input(path) + " as --token-file: " + why);
}

/// What the token may be made of: RFC 6750.
bool is_of_a_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

std::string read_token(const std::string& path) {
  constexpr std::size_t least = 16, most = 1024;
  const unique_fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!file || fstat(file.get(), &about) != 0) refuse_token(path, std::strerror(errno));
  if ((about.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    refuse_token(path, "other users can read or write it; run chmod 600");
  }
  std::array<char, most + 3> text{};
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size(); size += static_cast<std::size_t>(got)) {
    got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0) refuse_token(path, std::strerror(errno));
  }
  std::string token(text.data(), size);
  explicit_bzero(text.data(), text.size());
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  if (token.size() < least || token.size() > most) {
    refuse_token(path, "it has " + (token.size() > most ? "too many" : std::to_string(token.size())) +
                           " characters; a token has 16 to 1024, as from openssl rand -hex 32");
  }
  if (!std::all_of(token.begin(), token.end(), is_of_a_token)) {
    refuse_token(path, "a token is one line of letters, digits and -._~+/=");
  }
  return token;
}

struct listening_place {
  std::string address;
  std::uint16_t port = 0;
  bool is_local = false;  // no other machine reaches it
};

listening_place parse_place(const std::string& text) {
  const auto refuse = [&](const char* why) {
    throw failure("--listen " + quoted_input(text) + " " + why +
                  "; write ADDRESS:PORT, such as 127.0.0.1:9170 or [::1]:9170");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) refuse("has no address or no port");
  listening_place out{.address = text.substr(0, colon)};
  const std::string port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(port) > 65535) {
    refuse("has no port from 0 to 65535");
  }
  out.port = static_cast<std::uint16_t>(std::stoi(port));
  if (out.address == "localhost") out.address = "127.0.0.1";
  const bool in_brackets = out.address.starts_with('[') && out.address.ends_with(']');
  if (in_brackets) out.address = out.address.substr(1, out.address.size() - 2);
  in6_addr six{};
  in_addr four{};
  if (in_brackets && inet_pton(AF_INET6, out.address.c_str(), &six) == 1) {
    out.is_local = IN6_IS_ADDR_LOOPBACK(&six);
  } else if (!in_brackets && inet_pton(AF_INET, out.address.c_str(), &four) == 1) {
    out.is_local = ntohl(four.s_addr) >> 24U == 127;
  } else {
    refuse("has no IP address");
  }
  return out;
}

std::string parse_host(const std::string& text) {
  std::string name = host_name(text);
  const bool in_brackets = text.starts_with('[');
  if (name.empty() || text.size() != name.size() + (in_brackets ? 2 : 0)) {
    throw failure("--host " + quoted_input(text) + " is no name of a host; leave out the port");
  }
  return name;
}

}  // namespace

std::vector<option> listening_arguments::table(std::string_view about) {
  return {
      {0, "listen", "", "ADDRESS:PORT", about, [this](const std::string& v) { address_ = v.empty() ? ":" : v; }},
      {0, "token-file", "", "FILE",
       "clients must know the token in FILE: 16 characters or more,\nand others must not be able to read FILE",
       [this](const std::string& v) { token_file_ = v; }},
      {0, "host", "", "NAME",
       "also answer requests for the host NAME; can be repeated.\nDefault: only localhost and the address itself",
       [this](const std::string& v) { hosts_.push_back(parse_host(v)); }},
  };
}

http_options listening_arguments::finish() {
  if (address_.empty()) {
    if (!token_file_ && hosts_.empty()) return {};
    throw failure(std::string(token_file_ ? "--token-file" : "--host") + " needs --listen");
  }
  const listening_place where = parse_place(address_);
  is_local_ = where.is_local;
  http_options out{.address = where.address, .port = where.port, .hosts = hosts_};
  if (token_file_) {
    prctl(PR_SET_DUMPABLE, 0);  // a core dump would have the token
    out.token = read_token(*token_file_);
  } else if (!where.is_local) {
    throw failure("--listen " + quoted_input(address_) +
                  ": other machines can reach this address, so clients must know a token; give --token-file FILE");
  }
  return out;
}

void listening_arguments::announce(const http_server& server, std::string_view path) const {
  complain("listening on " + server.url() + std::string(path));
  if (is_local_) return;
  complain(
      "nothing is encrypted: anybody on the way can read the token and the locks; put TLS in front, or use an SSH "
      "tunnel");
}

void serve_until_signal(signals& caught, http_server& server) {
  server.start();
  for (;;) {
    std::array<pollfd, 1> fds{{{.fd = caught.fd(), .events = POLLIN, .revents = 0}}};
    poll(fds.data(), fds.size(), -1);
    const auto received = caught.take();
    if (!received) continue;
    if (received->number == SIGINT || received->number == SIGTERM) _exit(exit_ok);
    die_of(received->number);
  }
}

}  // namespace dlock::cli
