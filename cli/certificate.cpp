#include "certificate.hpp"

#ifdef DLOCK_HAS_OPENSSL
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#endif

#include <csignal>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <dlock/clock.hpp>
#include <dlock/text.hpp>

namespace dlock::cli {

namespace {

#ifdef DLOCK_HAS_OPENSSL
template <auto Free>
struct openssl_free {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
template <typename T, auto Free>
using openssl_handle = std::unique_ptr<T, openssl_free<Free>>;

/// The name for the server to choose its certificate by: without the port, and only if it is a name.
std::string server_name(const std::string& host_and_port) {
  if (host_and_port.starts_with('[')) return {};  // an IPv6 address
  const std::string name = host_and_port.substr(0, host_and_port.rfind(':'));
  return name.find_first_not_of("0123456789.") == std::string::npos ? "" : name;
}

certificate_life unknown_life(std::string why) {
  ERR_clear_error();
  return {.left = {}, .problem = std::move(why)};
}

/// Blocks for at most a second, if the name of the host is known.
certificate_life life_of_certificate(const std::string& host_and_port) {
  constexpr int kSeconds = 1, kNapMilliseconds = 10;
  const openssl_handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return unknown_life("no TLS");
  const openssl_handle<BIO, BIO_free_all> bio(BIO_new_ssl_connect(context.get()));
  SSL* ssl = nullptr;
  if (!bio || BIO_get_ssl(bio.get(), &ssl) != 1 || ssl == nullptr) return unknown_life("no TLS");
  BIO_set_conn_hostname(bio.get(), host_and_port.c_str());
  if (const std::string name = server_name(host_and_port); !name.empty()) SSL_set_tlsext_host_name(ssl, name.c_str());
  // A server that wants a certificate of ours may break off after it has shown its own.
  const bool connected = BIO_do_connect_retry(bio.get(), kSeconds, kNapMilliseconds) == 1;
  const openssl_handle<X509, X509_free> certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate) return unknown_life(connected ? "it shows none" : "no TLS connection");
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())) != 1) {
    return unknown_life("its end cannot be read");
  }
  ERR_clear_error();
  return {.left = std::chrono::hours(24) * days + std::chrono::seconds(seconds), .problem = {}};
}
#else
certificate_life life_of_certificate(const std::string&) {
  return {.left = {}, .problem = "this dlock was built without OpenSSL"};
}
#endif

/// OpenSSL writes to sockets that a server may have closed.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

std::vector<certificate_life> lives_of_certificates(const std::vector<std::string>& hosts,
                                                    std::chrono::milliseconds limit) {
  const auto until = boot_clock::now() + limit;
  std::vector<std::future<certificate_life>> asked;
  for (const auto& host : hosts) {
    std::packaged_task<certificate_life()> ask([host] {
      block_signals();
      return life_of_certificate(host);
    });
    auto answer = ask.get_future();
    try {
      std::thread(std::move(ask)).detach();
    } catch (const std::system_error&) {
      answer = {};
    }
    asked.push_back(std::move(answer));
  }
  std::vector<certificate_life> out;
  for (auto& each : asked) {
    if (!each.valid()) {
      out.push_back({.left = {}, .problem = "no thread can be started to ask for it"});
    } else if (each.wait_for(until - boot_clock::now()) != std::future_status::ready) {
      out.push_back({.left = {}, .problem = "no answer in time"});
    } else {
      out.push_back(each.get());
    }
  }
  return out;
}

dlock::diagnosis judge_certificate(const std::string& host, const certificate_life& life) {
  using days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
  constexpr days soon{7}, later{30};
  dlock::diagnosis out;
  out.check = "certificate";
  const std::string of = "the certificate of " + dlock::printable(host);
  out.command = "openssl s_client -connect " + dlock::printable(host) + " </dev/null | openssl x509 -noout -enddate";
  if (!life.left) {
    out.level = dlock::severity::hint;
    out.what = of + " was not seen: " + dlock::printable(life.problem);
    out.consequence = "when it ends is not known";
    return out;
  }
  const auto left = std::chrono::floor<days>(*life.left);
  out.what =
      life.left->count() < 0 ? of + " has ended" : of + " is valid for " + std::to_string(left.count()) + " more days";
  if (left >= later) {
    out.command.clear();
    return out;
  }
  out.level = left < soon ? dlock::severity::finding : dlock::severity::hint;
  out.consequence = "when it has ended, no client connects, and every lock is lost";
  out.command = "renew it; its end: " + out.command;
  return out;
}

}  // namespace dlock::cli
