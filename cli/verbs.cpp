#include "verbs.hpp"

#include <array>

namespace dlock::cli {

std::span<const verb> all_verbs() {
  static constexpr std::array<verb, 13> verbs{{{"run", run_manual, cmd_run},
                                               {"hold", hold_manual, cmd_hold},
                                               {"elect", elect_manual, cmd_elect},
                                               {"watch", watch_manual, cmd_watch},
                                               {"ls", ls_manual, cmd_ls},
                                               {"show", show_manual, cmd_show},
                                               {"serve", serve_manual, cmd_serve},
                                               {"metrics", metrics_manual, cmd_metrics},
                                               {"release", release_manual, cmd_release},
                                               {"note", note_manual, cmd_note},
                                               {"resize", resize_manual, cmd_resize},
                                               {"doctor", doctor_manual, cmd_doctor},
                                               {"completion", completion_manual, cmd_completion}}};
  return verbs;
}

std::vector<manual> all_manuals() {
  std::vector<manual> out;
  for (const verb& each : all_verbs()) out.push_back(each.about());
  return out;
}

}  // namespace dlock::cli
