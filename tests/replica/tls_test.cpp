#include <future>

#include "replica/fixture.hpp"

/// On a set that takes nothing but TLS; see CMakeLists.txt. Other CAs and other names: tests/security/test_tls.py.
namespace dlock::testing {
namespace {

class Tls : public Replica {
 protected:
  void SetUp() override {
    if (test_url().find("&tls=true") == std::string::npos) GTEST_SKIP() << "this test needs a set with TLS";
  }
  /// With `tls` instead of what the set's URL says of it.
  client_options with(const std::string& tls) {
    auto o = options();
    o.url = test_url().substr(0, test_url().find("&tls=true")) + tls;
    o.connect_timeout = 3s;
    return o;
  }
  static bool says(const error& e, const std::string& part) {
    return std::string(e.what()).find(part) != std::string::npos;
  }
};

TEST_F(Tls, WithTheRightCaTheLibraryWorks) {
  client one(options()), two(options());
  auto got = mutex(one, id).acquire();
  ASSERT_TRUE(got);
  auto waiting = std::async(std::launch::async, [&] { return mutex(two, id).acquire({.timeout = 60s}).result(); });
  EXPECT_TRUE(eventually([&] { return waiters(id) == 1; }));
  EXPECT_EQ(got->release(), release_result::released);
  EXPECT_EQ(waiting.get(), outcome::acquired);
}

TEST_F(Tls, ACertificateOfAnUnknownCaIsARefusal) {
  const auto took = time_of([&] {
    auto o = with("&tls=true");
    o.connect_timeout = 60s;
    const auto e = error_of([&] { client locks(o); });
    EXPECT_EQ(e.code(), errc::authentication) << e.what();
    EXPECT_FALSE(e.retryable());
    EXPECT_TRUE(says(e, "tlsCAFile=FILE")) << e.what();
  });
  EXPECT_LT(took, 20s) << "waiting does not help";
}

TEST_F(Tls, WithoutTlsThereIsNoContact) {
  const auto e = error_of([&] { client locks(with("")); });
  EXPECT_EQ(e.code(), errc::unavailable) << e.what();
  EXPECT_TRUE(says(e, "with tls=true if it takes nothing but TLS")) << e.what();
}

TEST_F(Tls, ACaFileThatIsNotThereIsSaidAtOnce) {
  const auto took = time_of([&] {
    auto o = with("&tls=true&tlsCAFile=/no/such.pem");
    o.connect_timeout = 60s;
    const auto e = error_of([&] { client locks(o); });
    EXPECT_EQ(e.code(), errc::invalid_argument) << e.what();
    EXPECT_TRUE(says(e, "'/no/such.pem'")) << e.what();
  });
  EXPECT_LT(took, 20s);
}

}  // namespace
}  // namespace dlock::testing
