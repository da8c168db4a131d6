#include "cli/command_tree.hpp"

namespace limen::cli {

namespace {

void add_options(const CLI::App& app, std::vector<OptionText>& to) {
  for (const CLI::Option* o : app.get_options([](const CLI::Option*) { return true; })) {
    if (o->get_group().empty()) continue;  // hidden
    OptionText text;
    for (const std::string& name : o->get_snames()) text.names.push_back("-" + name);
    for (const std::string& name : o->get_lnames()) text.names.push_back("--" + name);
    if (text.names.empty()) text.place = o->get_name(true);
    text.description = o->get_description();
    text.takes_value = o->get_type_size_max() > 0 && o->get_items_expected_max() > 0;
    text.many = o->get_items_expected_max() > 1;
    text.required = o->get_required();
    to.push_back(std::move(text));
  }
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* a) { return a->get_name().empty(); }))
    add_options(*group, to);  // option groups have no name
}

}  // namespace

CommandText command_tree(const CLI::App& app) {
  CommandText text{app.get_name(), app.get_description(), {}, {}};
  add_options(app, text.options);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_name().empty() && !command->get_group().empty())
      text.commands.push_back(command_tree(*command));
  return text;
}

}  // namespace limen::cli
