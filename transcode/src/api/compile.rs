//! From sources to methods, bindings and a router.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

use super::{
    descriptors::{method_options, pool},
    source::Source,
};
use crate::{
    binding::{Binding, compile},
    fault::{Fault, Faults},
    method::Method,
    router::Router,
    rule::HttpRule,
};

/// What an API is made of.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) methods: Vec<Arc<Method>>,
    /// Index of a method by its gRPC path.
    pub(super) by_path: HashMap<String, usize>,
    pub(super) bindings: Vec<Arc<Binding>>,
    pub(super) router: Router,
    pub(super) pools: Vec<DescriptorPool>,
}

/// Compiles all sources.
///
/// # Errors
/// Every fault of every source.
pub(super) fn compile_all(sources: &[Source<'_>]) -> Result<Compiled, Faults> {
    let mut compiler = Compiler::default();
    for (index, source) in sources.iter().enumerate() {
        compiler.source(index, source);
    }
    compiler.route(sources);
    if compiler.faults.is_empty() {
        Ok(compiler.compiled)
    } else {
        Err(Faults(compiler.faults))
    }
}

/// What is compiled so far, and what was wrong.
#[derive(Default)]
struct Compiler {
    compiled: Compiled,
    faults: Vec<Fault>,
}

impl Compiler {
    fn fault(&mut self, source: &Source<'_>, method: &str, template: &str, what: String) {
        self.faults.push(Fault {
            source: source.name.to_owned(),
            method: method.to_owned(),
            template: template.to_owned(),
            description: what,
        });
    }

    /// Takes in one source; what is wrong with it does not hide the next one.
    fn source(&mut self, index: usize, source: &Source<'_>) {
        let pool = match pool(source.descriptor_set) {
            Ok(pool) => pool,
            Err(error) => {
                let what = format!("the descriptor set cannot be used: {error}");
                return self.fault(source, "", "", what);
            }
        };
        let options = match method_options(source.descriptor_set) {
            Ok(options) => options,
            Err(error) => {
                let what = format!("the descriptor set cannot be decoded: {error}");
                return self.fault(source, "", "", what);
            }
        };
        // The last rule of a selector is the one that counts.
        let mut rules: HashMap<&str, &HttpRule> = HashMap::new();
        for rule in source.rules {
            rules.insert(rule.selector.trim_start_matches('.'), rule);
        }
        self.check_names(source, &pool, &rules);
        for service in pool.services().filter(|service| exposed(source, service)) {
            for descriptor in service.methods() {
                self.method(index, source, &descriptor, &options, &rules);
            }
        }
        self.compiled.pools.push(pool);
    }

    /// Checks that services and selectors name something.
    fn check_names(
        &mut self,
        source: &Source<'_>,
        pool: &DescriptorPool,
        rules: &HashMap<&str, &HttpRule>,
    ) {
        for name in source.services.into_iter().flatten() {
            if pool.get_service_by_name(name).is_none() {
                self.fault(source, "", "", format!("there is no service `{name}`"));
            }
        }
        let known: HashSet<String> = pool
            .services()
            .filter(|service| exposed(source, service))
            .flat_map(|service| {
                let methods = service.methods();
                methods
                    .map(|method| method.full_name().to_owned())
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut unknown: Vec<_> = rules
            .keys()
            .filter(|selector| !known.contains(**selector))
            .collect();
        unknown.sort_unstable();
        for selector in unknown {
            let what = format!("the selector `{selector}` names no exposed method");
            self.fault(source, "", "", what);
        }
    }

    /// Takes in one method, with its bindings if a rule gives it any.
    fn method(
        &mut self,
        index: usize,
        source: &Source<'_>,
        descriptor: &MethodDescriptor,
        options: &HashMap<String, Vec<u8>>,
        rules: &HashMap<&str, &HttpRule>,
    ) {
        let service = descriptor.parent_service().full_name().to_owned();
        let path = format!("/{service}/{}", descriptor.name());
        let method = Arc::new(Method {
            source: index,
            service,
            name: descriptor.name().to_owned(),
            client_streaming: descriptor.is_client_streaming(),
            server_streaming: descriptor.is_server_streaming(),
            options: options.get(&path).cloned().unwrap_or_default(),
            path: path.clone(),
        });
        let name = method.full_name();
        if self.compiled.by_path.contains_key(&path) {
            let what = "another upstream serves the same method".to_owned();
            return self.fault(source, &name, "", what);
        }
        self.compiled
            .by_path
            .insert(path, self.compiled.methods.len());
        self.compiled.methods.push(Arc::clone(&method));

        let annotated = match HttpRule::from_options(&method.options) {
            Ok(rule) => rule,
            Err(error) => {
                let what = format!("its google.api.http option cannot be decoded: {error}");
                return self.fault(source, &name, "", what);
            }
        };
        let configured = rules.get(name.as_str()).copied();
        let Some(rule) = configured.or(annotated.as_ref()) else {
            return;
        };
        match compile(&method, descriptor, rule, source.json) {
            Ok(bindings) => {
                let bindings = bindings.into_iter().map(Arc::new);
                self.compiled.bindings.extend(bindings);
            }
            Err(bad) => {
                for (template, what) in bad {
                    self.fault(source, &name, &template, what);
                }
            }
        }
    }

    /// Puts every binding into the router.
    fn route(&mut self, sources: &[Source<'_>]) {
        let bindings = self.compiled.bindings.clone();
        for (index, binding) in bindings.iter().enumerate() {
            let inserted = self
                .compiled
                .router
                .insert(&binding.verb, &binding.template, index);
            let Err(other) = inserted else { continue };
            let what = bindings.get(other).map_or_else(String::new, |other| {
                format!(
                    "`{} {}` of method `{}` is bound to the same paths",
                    other.verb,
                    other.template.text,
                    other.method.full_name()
                )
            });
            if let Some(source) = sources.get(binding.method.source) {
                let template = format!("{} {}", binding.verb, binding.template.text);
                self.fault(source, &binding.method.full_name(), &template, what);
            }
        }
    }
}

/// Whether the source offers a service.
fn exposed(source: &Source<'_>, service: &ServiceDescriptor) -> bool {
    let named = |names: &[String]| names.iter().any(|name| name == service.full_name());
    source.services.is_none_or(named)
}
