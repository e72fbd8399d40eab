#include "hub/fleet_access.h"

#include <gtest/gtest.h>

namespace sluice::hub {
namespace {

TEST(FleetAccess, LetsInByOneNameOfTheCertificateAndTellsAllOfOneThatIsNot) {
  const FleetAccess access{FleetAccess::Rule::operators, {"anna", "spiffe://fleet/robot"}};
  EXPECT_TRUE(check_access(access, {"anna"}).ok());
  EXPECT_TRUE(check_access(access, {"x.example", "spiffe://fleet/robot"}).ok());
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{"Anna", "anna2"}, {"anna\n"}, {""}, {}}) {
    const Status refused = check_access(access, names);
    EXPECT_EQ(refused.code(), StatusCode::permission_denied);
    EXPECT_NE(refused.message().find("--operator"), std::string_view::npos);
    EXPECT_EQ(refused.message().find('\n'), std::string_view::npos);
    for (const std::string& name : names) {
      EXPECT_NE(refused.message().find(name.substr(0, 4)), std::string_view::npos);
    }
  }
}

TEST(FleetAccess, AsksNoNameWhereThereAreNoCertificates) {
  EXPECT_TRUE(check_access({FleetAccess::Rule::anyone, {}}, {}).ok());
  EXPECT_EQ(check_access({FleetAccess::Rule::nobody, {"anna"}}, {"anna"}).code(),
            StatusCode::permission_denied);
}

}  // namespace
}  // namespace sluice::hub
